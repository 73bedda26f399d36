"""What a new layer has to hold, so that it and the layers before it make what is there now.

Compared are two readings of the upper directory. A path that was there and is not any more becomes
a deletion; nothing below it can show, as the engine itself leaves a whiteout where the image below
has something.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from dsw_agent.exclusions import Exclusions, Verdict
from dsw_agent.scan import Found, Scan, parse, path_of
from dsw_agent.skipped import Skipped

NOTHING = Scan([])
"""A reading of an empty directory: all that is there is new."""


@dataclass(frozen=True)
class Changes:
    """`found` are the entries that are new or changed, or may be, parents before children; `gone`
    the topmost paths of those that are not there any more. What is left out is in neither."""

    found: list[Found]
    gone: list[str]

    @property
    def size(self) -> int:
        """About how many bytes a layer of them has, before compression."""
        return sum(1536 + (one.size if one.kind == "f" else 0) for one in self.found)


def since(
    before: Scan, now: Scan, exclusions: Exclusions, skipped: Skipped, whole: Collection[str] = ()
) -> Changes:
    """What changed between two readings; all that is in the folders `whole` counts as changed."""
    settled = before.settled
    changed = [line for line in now.lines if line not in settled]
    gone = _gone(before, now, changed, exclusions)
    if whole:
        changed = _with_all_below(now, set(changed), whole)
    return Changes(list(kept(map(parse, changed), exclusions, skipped)), gone)


def kept(found: Iterable[Found], exclusions: Exclusions, skipped: Skipped) -> Iterator[Found]:
    """The entries that are not left out, nor below one that is; the others are noted.

    A character device may stand for a deletion, which is not left out as easily; the plan decides.
    """
    folders = _Folders(exclusions)
    for one in found:
        folder = one.path.rpartition("/")[0]
        if not folders.kept(folder):
            continue
        verdict = exclusions.verdict(one.path)
        if _stays(one.kind, verdict):
            yield one
        elif verdict is not Verdict.RUNTIME:
            skipped.add(one.path, verdict.value)


def _stays(kind: str, verdict: Verdict) -> bool:
    return verdict is Verdict.KEEP or (kind == "c" and verdict is not Verdict.RUNTIME)


def included(scan: Scan, exclusions: Exclusions) -> Scan:
    """The same reading without what is left out."""
    folders = _Folders(exclusions)
    lines = []
    for line in scan.lines:
        path = os.fsdecode(path_of(line))
        shows = folders.kept(path.rpartition("/")[0])
        if shows and _stays(chr(line[0]), exclusions.verdict(path)):
            lines.append(line)
    return Scan(lines, scan.synced)


class _Folders:
    """Which folders are not left out, nor below one that is."""

    def __init__(self, exclusions: Exclusions) -> None:
        self._exclusions = exclusions
        self._known = {"": True}

    def kept(self, folder: str) -> bool:
        """Whether what is in this folder can be part of an image."""
        known = self._known.get(folder)
        return self._learn(folder) if known is None else known

    def _learn(self, folder: str) -> bool:
        unknown = [folder]
        while (above := unknown[-1].rpartition("/")[0]) not in self._known:
            unknown.append(above)
        answer = self._known[above]
        for path in reversed(unknown):
            answer = answer and self._exclusions.verdict(path) is Verdict.KEEP
            self._known[path] = answer
        return answer


def _with_all_below(now: Scan, lines: set[bytes], folders: Collection[str]) -> list[bytes]:
    starts = tuple(os.fsencode(folder) + b"/" for folder in folders)
    return [line for line in now.lines if line in lines or path_of(line).startswith(starts)]


def _gone(before: Scan, now: Scan, changed: list[bytes], exclusions: Exclusions) -> list[str]:
    """What was there and has neither an entry now, nor a folder that could hold one."""
    lost = before.all.difference(now.lines)
    if not lost:
        return []
    new = [line for line in changed if line not in before.all]
    paths = {path_of(line) for line in lost if not line.startswith(b"s ")}
    paths.difference_update(map(path_of, new))
    no_folders = {path_of(line) for line in new if not line.startswith(b"d ")}
    folders = _Folders(exclusions)
    gone = []
    for path in sorted(paths):
        above = path.rpartition(b"/")[0]
        if above in paths or above in no_folders or not folders.kept(os.fsdecode(above)):
            continue
        name = os.fsdecode(path)
        if exclusions.verdict(name) is Verdict.KEEP:
            gone.append(name)
    return gone
