"""How the layers that earlier snapshots left in a base image are put together with a new one.

Every snapshot of an instance that runs a snapshot adds to the layers of its image, and engines
mount no more than about a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dsw_agent import inodes
from dsw_agent.merged import Layers
from dsw_agent.tar_format import Entry, Kind
from dsw_agent.walk import Plan


def merged(plans: Sequence[Plan], below: Layers) -> Plan:
    """One plan with what shows of several, the topmost first, each read from its own directory.

    Directories that hide what is below stay, and deletions of what the layers further below have.
    Other deletions would show as names of nothing in directories that only this layer has.
    """
    shown = _Shown()
    for source, plan in enumerate(plans):
        shown.add(source, plan.entries)
    plan = plans[0]
    entries = sorted(shown.needed(below), key=lambda entry: entry.path.split("/"))
    return Plan(entries, dict(plan.opaque), set(plan.replaced), set(plan.missing))


class _Shown:
    """What the layers so far show. No further layer shows below a path of `_solid`; the content of
    `_folders` is put together."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._solid: set[str] = set()
        self._folders: set[str] = set()

    def needed(self, below: Layers) -> Iterator[Entry]:
        """The entries without deletions of what the layers below do not have."""
        opaque = {
            entry.path.rpartition("/")[0]
            for entry in self.entries
            if entry.inode == 0 and entry.path.rpartition("/")[2] == inodes.OPAQUE_MARKER
        }
        for entry in self.entries:
            folder, _, name = entry.path.rpartition("/")
            whiteout = entry.inode == 0 and name.startswith(inodes.WHITEOUT)
            if whiteout and name != inodes.OPAQUE_MARKER:
                gone = name.removeprefix(inodes.WHITEOUT)
                if folder in opaque or not below.has(folder, gone):
                    continue
            yield entry

    def add(self, source: int, entries: Sequence[Entry]) -> None:
        """Put a further layer below."""
        solid: set[str] = set()
        folders: set[str] = set()
        for entry in entries:
            folder, _, name = entry.path.rpartition("/")
            if self._hidden(folder):
                continue
            if name == inodes.OPAQUE_MARKER and entry.inode == 0:
                solid.add(folder)
                self.entries.append(entry)
            elif name.startswith(inodes.WHITEOUT) and entry.inode == 0:
                gone = name.removeprefix(inodes.WHITEOUT)
                self._leaf(f"{folder}/{gone}" if folder else gone, entry, solid)
            elif entry.kind is Kind.DIRECTORY:
                if entry.path not in self._solid and entry.path not in self._folders:
                    folders.add(entry.path)
                    self.entries.append(entry._replace(source=source))
            else:
                self._leaf(entry.path, entry._replace(source=source), solid)
        self._solid |= solid
        self._folders |= folders

    def _leaf(self, path: str, entry: Entry, solid: set[str]) -> None:
        """A path with nothing below it: it shows, or a folder above it in the stack is all that
        shows there, and nothing further below does."""
        if path in self._folders:
            marker = inodes.marker(path, inodes.OPAQUE_MARKER)
            if path not in self._solid:
                self.entries.append(marker)
        elif path not in self._solid:
            self.entries.append(entry)
        solid.add(path)

    def _hidden(self, folder: str) -> bool:
        while folder:
            if folder in self._solid:
                return True
            folder = folder.rpartition("/")[0]
        return False
