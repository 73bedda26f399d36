"""How a folder's entries are ordered, and how a long folder is read page by page.

Folders come first, then by the bytes of the name. A cursor tells the last entry of a page, so that
what is added or removed meanwhile neither repeats nor hides another entry.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import NamedTuple

from dsw.errors import Invalid
from dsw.locations import clean_path


class Mark(NamedTuple):
    """Where an entry stands: 0 for folders, 1 for the rest, and the bytes of its name."""

    rank: int
    name: bytes


def mark(name: str, is_folder: bool) -> Mark:
    """The mark of an entry; `name` as the operating system gives it."""
    return Mark(0 if is_folder else 1, os.fsencode(name))


def cursor_of(folder: tuple[str, ...], last: Mark) -> str:
    """The cursor of the page after this entry of a folder, named by dataset, version and path."""
    text = json.dumps([_tag(folder), last.rank, base64.b64encode(last.name).decode()])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def mark_of(folder: tuple[str, ...], cursor: str | None) -> Mark | None:
    """What a cursor of this folder says; `Invalid` for one that is broken or of another folder."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        tag, rank, name = json.loads(text)
        if tag != _tag(folder) or rank not in (0, 1):
            raise ValueError("another folder")
        return Mark(rank, base64.b64decode(name, validate=True))
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(
            "The cursor is not one of this folder.",
            "Send `next` of the page before as it was, or no cursor for the first page.",
        ) from error


def shown(name: str) -> str:
    """A name as text that can be sent, whatever bytes it has."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def can_be_asked_for(path: str) -> bool:
    """Whether the path of an entry is one that requests may have; others are only shown."""
    try:
        return clean_path(path) == path
    except (Invalid, UnicodeError):
        return False


def below(folder: str, name: str) -> str:
    """The path of an entry of a folder."""
    return f"{folder}/{name}" if folder else name


def _tag(folder: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(folder).encode()).hexdigest()[:8]
