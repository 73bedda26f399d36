"""Whether an object is still as somebody saw it: its tag, and the check before a change."""

from __future__ import annotations

import hashlib
import re

from pydantic import BaseModel

from dsw.errors import Invalid, PreconditionFailed

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


def etag(view: BaseModel) -> str:
    """A strong tag: two answers with the same tag are the same byte for byte."""
    return f'"{hashlib.sha256(view.model_dump_json().encode()).hexdigest()[:32]}"'


def check_match(if_match: str | None, view: BaseModel) -> None:
    """`PreconditionFailed` unless the object, as its view is now, is one that the caller saw.

    Called in the transaction that changes it, before the change. Tags are compared strongly: a
    weak one (`W/"..."`) never matches.
    """
    if if_match is None or if_match.strip() == "*":
        return
    tags = [tag.strip() for tag in if_match.split(",")]
    if not all(_TAG.fullmatch(tag) for tag in tags):
        raise Invalid(
            "If-Match is not a list of tags.",
            'Send the ETag of GET as it is, quotes included (such as "6f1c8b2a"), or *.',
        )
    if etag(view) not in tags:
        raise PreconditionFailed(
            "This has changed since you read it, so nothing was done.",
            "Read it again, then send your change with its new ETag as If-Match.",
        )
