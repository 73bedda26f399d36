"""What is in the entries that a snapshot would ship: how much, where, and what is not.

There may be hundreds of thousands of them and people wait, so lines are not taken apart further
than needed, and what is the same for a whole folder is found out once.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from dsw.image_report import Folder, LeftOut
from dsw_agent import inodes
from dsw_agent.exclusions import Exclusions, Verdict
from dsw_agent.packages import SITES
from dsw_agent.skipped import readable
from dsw_agent.tar_format import BLOCK
from dsw_agent.walk import PATH_MAX

SHOWN = 100
"""Paths in a list for people."""
FOLDERS = 10

_ENTRY = 3 * BLOCK
"""What an entry takes besides its content: mostly a header and its extension."""
_PARTS = 5
_EXPLAINED = 0.8
"""A folder is shown by those in it where so few of them hold so much of it."""
_UNITS = (*(name.encode() for name in SITES), b"node_modules", b"pkgs")
"""Folders in each of whose folders one thing is installed."""


@dataclass(slots=True)
class _Sum:
    """Bytes and entries directly in a folder."""

    size: int = 0
    entries: int = 0


@dataclass
class Tally:
    """Counts entries, given as lines of a scan, parents before children."""

    exclusions: Exclusions
    size: int = 0
    entries: int = 0
    left_out: list[LeftOut] = field(default_factory=list)
    more_left_out: int = 0
    refused: list[LeftOut] = field(default_factory=list)
    folders: dict[bytes, _Sum | None] = field(default_factory=dict)
    """By path; None: left out with all below."""

    def count(self, lines: Iterable[bytes]) -> None:
        """Add these entries."""
        linked = set()
        last, total = None, self._sum_of(b"")
        for line in lines:
            kind, _, inode, size, _, _, links, _, _, path = line.split(b" ", 9)
            folder, _, name = path.rpartition(b"/")
            if folder != last:
                last, total = folder, self._sum_of(folder)
            if total is None or not self._is_kept(kind, path, name):
                continue
            taken = _ENTRY
            if kind == b"f" and (links == b"1" or inode not in linked):
                taken += -(-int(size) // BLOCK) * BLOCK
                if links != b"1":
                    linked.add(inode)
            total.size += taken
            total.entries += 1
        kept = [total for total in self.folders.values() if total is not None]
        self.size = sum(total.size for total in kept)
        self.entries = sum(total.entries for total in kept)

    def _sum_of(self, folder: bytes) -> _Sum | None:
        """The sum of a folder; one whose own entry has not changed was not met before."""
        if folder in self.folders:
            return self.folders[folder]
        above = self._sum_of(folder.rpartition(b"/")[0]) if folder else _Sum()
        is_kept = not folder or self.exclusions.verdict(os.fsdecode(folder)) is Verdict.KEEP
        self.folders[folder] = found = _Sum() if above is not None and is_kept else None
        return found

    def _is_kept(self, kind: bytes, path: bytes, name: bytes) -> bool:
        text = os.fsdecode(path)
        verdict = self.exclusions.verdict(text)
        if verdict is Verdict.KEEP and kind != b"s" and not name.startswith(b".wh."):
            if len(path) <= PATH_MAX:
                return True
            self._refuse(text, f"the path is longer than {PATH_MAX} bytes")
        elif kind == b"c" and verdict is not Verdict.RUNTIME:
            return verdict is not Verdict.ASKED
        elif verdict is Verdict.KEEP and kind == b"s":
            self._leave_out(text, "a socket")
        elif verdict is Verdict.KEEP:
            self._refuse(text, f"a name with {inodes.WHITEOUT} means a deletion in image layers")
        elif verdict is not Verdict.RUNTIME:
            self._leave_out(text, verdict.value)
        return False

    def _leave_out(self, path: str, reason: str) -> None:
        if len(self.left_out) < SHOWN:
            self.left_out.append(LeftOut(path=readable(path), reason=reason))
        else:
            self.more_left_out += 1

    def _refuse(self, path: str, reason: str) -> None:
        if len(self.refused) < SHOWN:
            self.refused.append(LeftOut(path=readable(path), reason=reason))

    def biggest(self) -> list[Folder]:
        """Folders that tell where most of the bytes are, biggest first; none is in another."""
        totals, inside = self._cumulated()
        queue = [(-totals[b""].size, b"")]
        chosen: list[bytes] = []
        while queue and len(queue) + len(chosen) < FOLDERS + _PARTS:
            _, path = heapq.heappop(queue)
            parts = sorted(inside[path], key=lambda part: -totals[part].size)[:_PARTS]
            explained = sum(totals[part].size for part in parts)
            is_unit = path.rpartition(b"/")[0].endswith(_UNITS)
            if path and (is_unit or explained < _EXPLAINED * totals[path].size):
                chosen.append(path)
            else:
                for part in inside[path]:
                    if totals[part].size * 100 > totals[b""].size:
                        heapq.heappush(queue, (-totals[part].size, part))
        found = chosen + [path for _, path in queue]
        # What is spread over very many folders is somewhere below the root.
        every = sorted(found, key=lambda path: -totals[path].size) or (
            [b""] if self.entries else []
        )
        return [
            Folder(
                path=readable(os.fsdecode(path)),
                size=totals[path].size,
                entries=totals[path].entries,
            )
            for path in every[:FOLDERS]
        ]

    def _cumulated(self) -> tuple[dict[bytes, _Sum], dict[bytes, list[bytes]]]:
        """What each folder holds with all below it, and the folders in each."""
        totals = {path: _Sum(own.size, own.entries) for path, own in self.folders.items() if own}
        inside = defaultdict(list)
        for path in sorted(totals, key=lambda path: -path.count(b"/")):
            if path:
                above = path.rpartition(b"/")[0]
                inside[above].append(path)
                totals[above].size += totals[path].size
                totals[above].entries += totals[path].entries
        return totals, inside
