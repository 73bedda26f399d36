"""Shapes of the API that are not vocabulary: pages and problems."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A list; `next` is the cursor of the next page, or null at the end."""

    items: list[T]
    next: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details; `detail` is a sentence for people, `code` a word for programs."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str | None = None
    instance: str | None = None
    request_id: str | None = None


class Health(BaseModel):
    """`ok`, or what does not answer."""

    status: str
    database: str
    engine: str
    version: str
