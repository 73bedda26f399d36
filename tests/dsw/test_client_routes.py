"""The client has a call for every route of the API, with the right method, path and body."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from tests.dsw.test_client import DeletesAll, serving
from tests.dsw_control.route_table import FOR_SERVERS

from dsw.client import Client
from dsw.client.transport import Transport
from dsw_control.openapi import document

# What a program on the outside has no use for: the console's stream, and what an instance's own
# server asks by its own token.
OTHERS = FOR_SERVERS | {"GET /events/stream"}


class AnswersNothing(DeletesAll):
    """Takes every request and has nothing to say."""


def calls() -> Iterator[tuple[str, Any]]:
    """The public methods of the client."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_") and name not in vars(Transport):
            yield name, method


def arguments(method: Any) -> list[Any]:
    """Something for each argument that a call needs."""
    hints = typing.get_type_hints(method)
    return [
        kind.model_construct() if issubclass(kind := hints[name], BaseModel) else f"the-{name}"
        for name, parameter in inspect.signature(method).parameters.items()
        if name != "self"
        and parameter.default is parameter.empty
        and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]


def sent() -> dict[str, set[str]]:
    """What each call asks for."""
    found: dict[str, set[str]] = {}
    with serving(AnswersNothing) as client:
        for name, method in calls():
            AnswersNothing.seen.clear()
            try:
                answer = getattr(client, name)(*arguments(method))
                if inspect.isgenerator(answer):
                    list(answer)
            except ValueError:
                # There is nothing in the answer to make an object of.
                pass
            found[name] = {
                f"{verb} {path.partition('?')[0].removeprefix('/services/dsw/api')}"
                for verb, path, _ in AnswersNothing.seen
            }
    return found


def test_every_route_has_a_call_and_every_call_a_route() -> None:
    served = {
        f"{verb.upper()} {path.removeprefix('/services/dsw/api')}": re.compile(
            f"{verb.upper()} "
            + re.sub(r"\{[^}]+\}", "the-[^/]+", path.removeprefix("/services/dsw/api"))
        )
        for path, methods in document()["paths"].items()
        for verb in methods
    }
    reached: set[str] = set()
    for name, requests in sent().items():
        assert len(requests) == 1, name
        [request] = requests
        routes = {route for route, pattern in served.items() if pattern.fullmatch(request)}
        assert routes, (name, request)
        reached |= routes
    assert set(served) - reached == OTHERS
