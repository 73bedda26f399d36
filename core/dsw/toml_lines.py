"""Which line of a TOML text a key stands on; `tomllib` does not keep lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def line_of(text: str, location: Sequence[int | str]) -> int:
    """The 1-based line of the deepest part of `location` that stands in the text (1 at least)."""
    best_line, best_depth = 1, 0
    table: list[int | str] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE.match(line)
        key = None if header else _KEY.match(line)
        if header:
            name = header.group(2)
            table = list(_parts(name))
            if header.group(1) == "[[":
                table.append(counts.setdefault(name, 0))
                counts[name] += 1
            here = table
        elif key:
            here = [*table, *_parts(key.group(1))]
        else:
            continue
        depth = _common(here, location)
        if depth == len(here) and depth > best_depth:
            best_line, best_depth = number, depth
    return best_line


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in name.split(".")]


def _common(here: Sequence[int | str], there: Sequence[int | str]) -> int:
    depth = 0
    for one, other in zip(here, there, strict=False):
        if one != other:
            break
        depth += 1
    return depth
