"""What git says while it works: its lines, how far it is, and nothing of the credential."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

LINE_MAX = 300
_STEP = re.compile(r"([A-Z][a-z]+ [a-z]+): +(\d{1,3})% \(")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Lines:
    """git's lines from the pieces in which they come, each cut to a length: what a server says has
    no limit."""

    def __init__(self) -> None:
        self._line = ""

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that end in this piece."""
        *ended, rest = re.split(r"[\r\n]", chunk.decode(errors="replace"))
        for part in ended:
            if text := _CONTROL.sub("", (self._line + part)[:LINE_MAX]).strip():
                yield text
            self._line = ""
        self._line = (self._line + rest)[:LINE_MAX]

    def end(self) -> Iterator[str]:
        """The line that has no end."""
        if self._line.strip():
            yield _CONTROL.sub("", self._line).strip()


def percent_of(line: str, steps: Mapping[str, tuple[int, int]]) -> int | None:
    """How far the whole is, when the line is git's own progress (not the server's). `steps`: where
    each step of git begins, and its share, in per cent."""
    step = _STEP.match(line)
    if not step or step[1] not in steps:
        return None
    begin, share = steps[step[1]]
    return begin + min(int(step[2]), 100) * share // 100


def without_secret(text: str, username: str, secret: str) -> str:
    """The text with the secret taken out, in every form in which a server could send it back."""
    if not secret:
        return text
    basic = base64.b64encode(f"{username}:{secret}".encode()).decode()
    for form in (basic, quote(secret, safe=""), quote(secret), secret):
        text = text.replace(form, "***")
    return text
