"""What a builder's output says about how far it is: the classic builder's and BuildKit's words."""

from __future__ import annotations

import re

from dsw.base import Model

_CLASSIC = re.compile(r"Step (\d+)/(\d+) : (.+)")
_BUILDKIT = re.compile(r"#\d+ \[(?:(\S+) )?\s*(\d+)/(\d+)\] (.+)")


class Step(Model):
    """One instruction that began. BuildKit counts within a stage, the classic builder over all."""

    number: int
    total: int
    text: str
    stage: str = ""


def parse_step(line: str) -> Step | None:
    """The step that begins with this line of output, if one does."""
    line = line.strip()
    if found := _CLASSIC.fullmatch(line):
        return Step(number=int(found[1]), total=int(found[2]), text=found[3])
    if found := _BUILDKIT.fullmatch(line):
        return Step(number=int(found[2]), total=int(found[3]), text=found[4], stage=found[1] or "")
    return None
