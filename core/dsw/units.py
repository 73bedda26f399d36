"""Sizes as people write them (`512MiB`, `4GiB`, `1.5G`, `1024`), durations as they read them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?\s*$", re.IGNORECASE)
_POWER = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def parse_size(value: object) -> int:
    """Bytes. `K`, `M`, `G`, `T` and `P` are powers of 1,024, as in Docker and JupyterHub."""
    if isinstance(value, bool):
        raise ValueError("a size is a number of bytes or a text such as 512MiB")
    if isinstance(value, int):
        return value
    match = _SIZE.match(str(value))
    if not match:
        raise ValueError(f"{value!r} is not a size; write bytes, or a text such as 512MiB or 4GiB")
    number, unit, _ = match.groups()
    return int(float(number) * 1024 ** _POWER[unit.upper()])


def format_size(size: float) -> str:
    """A short text with one decimal at most: `1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} PiB"


def format_duration(seconds: float) -> str:
    """About how long: `40 s`, `12 min`, `3.5 h`, `2.1 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


Bytes = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
