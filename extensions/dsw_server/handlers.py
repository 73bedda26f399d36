"""The routes below `{base_url}dsw/api/`, which the Lab extension and the user's own code call.

Every route demands a signed-in user, and a POST Jupyter's XSRF token. None counts as activity:
a status bar that asks every few seconds must not keep an idle instance alive.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from dsw.errors import DswError, Invalid
from dsw.names import id_pattern
from dsw_server.checkout import Checkout
from dsw_server.control import Control
from dsw_server.metrics import Sampler

if TYPE_CHECKING:
    from dsw.snapshots import SnapshotCreate

_SNAPSHOT = f"({id_pattern('snap').strip('^$')})"


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


class MetricsHandler(Handler):
    """CPU, memory and GPU of this instance."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Metrics."""
        metrics = await asyncio.to_thread(self.sampler.sample)
        self.finish(json.dumps(asdict(metrics)))


class CodeHandler(Handler):
    """The code source that this instance was started with."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Progress."""
        self.finish(json.dumps(asdict(self.checkout.progress)))


class InstanceHandler(Handler):
    """The instance that this server is."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """InstanceView."""
        self.finish(await self.control.instance())


class SnapshotsHandler(Handler):
    """The snapshots of this instance."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A list of SnapshotViews."""
        self.finish(await self.control.snapshots())

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """SnapshotCreate -> 202 SnapshotView."""
        wanted = parse(self.request.body)
        snapshot = await self.control.save(wanted)
        self.set_status(202)
        self.finish(snapshot)


class SnapshotHandler(Handler):
    """One snapshot of this instance."""

    @web.authenticated
    @authorized
    async def get(self, snapshot_id: str) -> None:
        """SnapshotView."""
        self.finish(await self.control.snapshot(snapshot_id))


class CancelHandler(Handler):
    """Ends a snapshot of this instance."""

    @web.authenticated
    @authorized
    async def post(self, snapshot_id: str) -> None:
        """SnapshotView."""
        self.finish(await self.control.cancel(snapshot_id))


def parse(body: bytes) -> SnapshotCreate:
    """The request in a body; `Invalid` with a sentence that names each wrong key."""
    # Not sooner: pydantic would make every server start later.
    from pydantic import ValidationError

    from dsw.snapshots import SnapshotCreate

    try:
        return SnapshotCreate.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the body'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise Invalid(
            f"The request to save this instance is wrong: {wrong}.",
            "Send a JSON object with name (1 to 100 characters in one line) and, if you like, "
            "description (up to 2,000 characters).",
        ) from error


def routes(
    control: Control, sampler: Sampler, checkout: Checkout
) -> list[tuple[str, type[Handler], dict[str, Any]]]:
    """Pattern, handler and its arguments, below the server's base URL."""
    sources = {"control": control, "sampler": sampler, "checkout": checkout}
    table: dict[str, type[Handler]] = {
        "metrics": MetricsHandler,
        "code": CodeHandler,
        "instance": InstanceHandler,
        "snapshots": SnapshotsHandler,
        f"snapshots/{_SNAPSHOT}": SnapshotHandler,
        f"snapshots/{_SNAPSHOT}/cancel": CancelHandler,
    }
    return [(url_path_join("/dsw/api", path), kind, sources) for path, kind in table.items()]
