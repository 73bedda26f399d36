"""`ETag` and `If-Match` of routes."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Header, Response
from pydantic import BaseModel

from dsw_control.etags import etag

V = TypeVar("V", bound=BaseModel)

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=2000,
        description="The ETag that GET answered: change it only if it is still the same. "
        "`*`: if it is there at all.",
    ),
]


def tagged(response: Response, view: V) -> V:
    """The view itself, with its tag among the answer's headers."""
    response.headers["ETag"] = etag(view)
    return view
