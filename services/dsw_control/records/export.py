"""Records as CSV (RFC 4180) that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from dsw.base import View

STARTS_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def csv_text(
    columns: Sequence[str], batches: AsyncIterable[Sequence[View]]
) -> AsyncIterator[str]:
    """The header, then the fields of each view; one piece of text for each batch."""
    yield _lines([columns])
    async for batch in batches:
        yield _lines([[_cell(getattr(view, name)) for name in columns] for view in batch])


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A value as one cell: a text that looks like a formula gets an apostrophe in front."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(STARTS_OF_FORMULAS):
        return f"'{value}"
    return value
