"""How a route of the extension answers: JSON, and every refusal as problem JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.base.handlers import APIHandler

from dsw.errors import DswError, Invalid
from dsw_server.checkout import Checkout
from dsw_server.control import Control
from dsw_server.metrics import Sampler

if TYPE_CHECKING:
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)


class Handler(APIHandler):
    """Answers JSON, and every `DswError` as RFC 9457 problem JSON."""

    auth_resource = "dsw"
    _track_activity = False

    def initialize(self, control: Control, sampler: Sampler, checkout: Checkout) -> None:
        """Keep what the answers come from."""
        self.control = control
        self.sampler = sampler
        self.checkout = checkout

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A `DswError` as its problem document, anything else as Jupyter does."""
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, DswError):
            super().write_error(status_code, **kwargs)
            return
        self.set_status(error.status)
        problem = json.dumps(error.problem())
        self.finish(problem, set_content_type="application/problem+json")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A refusal is no crash: its sentence is enough."""
        if isinstance(value, DswError):
            self.log.warning("%s %s: %s", self.request.method, self.request.path, value.sentence)
        else:
            super().log_exception(typ, value, tb)


def parse(kind: type[M], body: bytes, purpose: str) -> M:
    """The request in a body; `Invalid` with a sentence that names each wrong key."""
    from pydantic import ValidationError

    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the body'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise Invalid(
            f"The request to {purpose} is wrong: {wrong}.",
            f"Send a JSON object; it may have {', '.join(kind.model_fields)}.",
        ) from error
