"""The project's pages, and the parts of them that can be checked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.hubs import PROJECT

_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@cache
def files() -> tuple[str, ...]:
    """What git would commit: tracked files and new ones, relative to the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return tuple(name for name in done.stdout.splitlines() if (PROJECT / name).is_file())


def pages() -> list[str]:
    """README, changelog and everything in docs."""
    return [name for name in files() if name.endswith(".md") and not name.startswith("tests/")]


def text(page: str) -> str:
    """The whole page."""
    return (PROJECT / page).read_text("utf-8")


def blocks(page: str, language: str = "") -> list[str]:
    """The code blocks of one language; without a name, those that name none."""
    return [body for kind, body in _FENCE.findall(text(page)) if kind == language]


def prose(page: str) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", text(page))


def spans(page: str) -> list[str]:
    """What stands in backticks."""
    return _SPAN.findall(prose(page))


def links(page: str) -> list[str]:
    """The targets of all links and images."""
    return _LINK.findall(_SPAN.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """What a link may name behind the #."""
    found = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in found)
    return {word.strip().replace(" ", "-") for word in words}


def command_lines(page: str, program: str) -> Iterator[str]:
    """Lines of code blocks and spans that call a program, without what the shell does with it."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    for line in [*lines, *spans(page)]:
        plain = re.sub(r"^([A-Z_]+=('[^']*'|\S*) )+", "", line.strip())
        if plain == program or plain.startswith(f"{program} "):
            yield re.split(r"\s[<>|]\s", plain)[0]


def table(page: str, first: str) -> list[list[str]]:
    """The rows of the table whose first heading is this one, backticks left out."""
    rows: list[list[str]] = []
    inside = False
    for line in prose(page).splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first:
            inside = True
        elif inside and not line.startswith("|---"):
            rows.append(cells)
    return rows
