"""How entries that a scan found become the plan of a layer, while somebody may be changing them.

Only directory descriptors are used and no link is ever followed, so a directory that is swapped
for a link meanwhile cannot bring a file of the host into the image.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dsw_agent import inodes
from dsw_agent.descent import Descent
from dsw_agent.exclusions import Exclusions, Verdict
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.scan import Found
from dsw_agent.skipped import Skipped, readable
from dsw_agent.tar_format import Entry, Kind

PATH_MAX = 4000
"""Bytes. Linux takes 4,095, and Docker unpacks a layer in a folder whose path has 94 of them."""
_NAMED = 20
_BATCH = 1000


@dataclass(slots=True)
class Plan:
    """The entries of a layer, parents before children; each name of an inode as a file.

    `opaque` are the directories among them that hide what lower layers have in them, with their
    inodes, and `replaced` those of them that did not do so in the layers before. `missing` are
    paths that were found and then were not there.
    """

    entries: list[Entry] = field(default_factory=list)
    opaque: dict[str, int] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)

    @property
    def files(self) -> list[str]:
        """The regular files in it that are the upper directory's own."""
        return [
            entry.path
            for entry in self.entries
            if entry.kind is Kind.FILE and entry.inode and not entry.source
        ]


class Walk:
    """Makes one plan of what is below `root`.

    `opaque` are the directories that the layers before made hide what is below them. With `whole`
    the attributes of files are read too, without which the size is not exact. The root's own
    attributes are left out, as engines neither save nor restore them.
    """

    def __init__(
        self,
        root: int,
        exclusions: Exclusions,
        skipped: Skipped,
        cancellation: Cancellation,
        opaque: Mapping[str, int] | None = None,
        whole: bool = True,
    ) -> None:
        self._root = root
        self._device = os.fstat(root).st_dev
        self._exclusions = exclusions
        self._skipped = skipped
        self._cancellation = cancellation
        self._before = opaque or {}
        self._whole = whole
        self._plan = Plan()
        self._entered: set[str] = set()
        self._outside: set[str] = set()
        self._refused: list[str] = []

    def plan(self, found: Iterable[Found], gone: Iterable[str] = ()) -> Plan:
        """The plan of these entries, with the folders above them, and of these deletions;
        `SnapshotFailed` names the files that no layer can hold."""
        descent = Descent(self._root, self._enter)
        try:
            for number, one in enumerate(found):
                if number % _BATCH == 0:
                    self._cancellation.check()
                self._visit(descent, one)
            for path in gone:
                folder, _, name = path.rpartition("/")
                if descent.to(folder) is not None and folder not in self._plan.replaced:
                    self._plan.entries.append(inodes.marker(folder, inodes.WHITEOUT + name))
        finally:
            descent.close()
        self._complain()
        return self._plan

    def _visit(self, descent: Descent, found: Found) -> None:
        path = found.path
        folder, _, name = path.rpartition("/")
        if name.startswith(inodes.WHITEOUT):
            self._refuse(path, "the name means a deletion in image layers")
        elif len(os.fsencode(path)) > PATH_MAX:
            self._refuse(path, f"the path is longer than {PATH_MAX} bytes")
        elif found.kind == "s":
            self._skipped.add(path, "a socket")
        elif found.kind == "d":
            if descent.to(path) is None and path not in self._outside:
                self._plan.missing.add(path)
        elif (parent := descent.to(folder)) is None:
            self._plan.missing.add(path)
        else:
            try:
                self._leaf(parent, name, found)
            except inodes.Unsupported as error:
                self._refuse(path, str(error))
            except OSError:
                self._plan.missing.add(path)

    def _leaf(self, parent: int, name: str, found: Found) -> None:
        if found.kind == "f":
            xattrs: tuple[tuple[str, bytes], ...] = ()
            if self._whole:
                target = inodes.below(parent, name)
                xattrs = inodes.kept_xattrs(target, inodes.xattr_names(target))
            self._plan.entries.append(_file(found, xattrs))
            return
        path = found.path
        now = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if inodes.is_whiteout(now):
            if self._exclusions.verdict(path) is not Verdict.ASKED:
                marker = inodes.marker(path.rpartition("/")[0], inodes.WHITEOUT + name)
                self._plan.entries.append(marker)
        elif (verdict := self._exclusions.verdict(path)) is not Verdict.KEEP:
            self._skipped.add(path, verdict.value)
        elif stat.S_ISLNK(now.st_mode):
            link = os.readlink(name, dir_fd=parent)
            self._plan.entries.append(inodes.entry(path, now, link=link))
        elif stat.S_ISDIR(now.st_mode) or stat.S_ISREG(now.st_mode) or stat.S_ISSOCK(now.st_mode):
            self._plan.missing.add(path)
        else:
            self._plan.entries.append(inodes.entry(path, now))

    def _enter(self, path: str, descriptor: int) -> bool:
        """Plan a directory that was opened; False when nothing below it belongs to the image."""
        self._cancellation.check()
        if path in self._entered:
            return True
        found = os.fstat(descriptor)
        if found.st_dev != self._device:
            self._skipped.add(path, "on another file system")
            self._outside.add(path)
            return False
        try:
            names = inodes.xattr_names(descriptor)
        except inodes.Unsupported as error:
            self._refuse(path, str(error))
            return False
        self._entered.add(path)
        xattrs = inodes.kept_xattrs(descriptor, names)
        self._plan.entries.append(inodes.entry(path, found, xattrs))
        if inodes.is_opaque(descriptor, names):
            self._plan.opaque[path] = found.st_ino
            if self._before.get(path) != found.st_ino:
                self._plan.replaced.add(path)
                self._plan.entries.append(inodes.marker(path, inodes.OPAQUE_MARKER))
        return True

    def _refuse(self, path: str, why: str) -> None:
        self._refused.append(f"{readable(path)} ({why})")

    def _complain(self) -> None:
        if not self._refused:
            return
        more = len(self._refused) - _NAMED
        names = "; ".join(self._refused[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise SnapshotFailed(
            FailureReason.UNSUPPORTED_FILE,
            f"These files cannot be part of an image: {names}.",
            "Rename or remove them and save again.",
        )


def _file(found: Found, xattrs: tuple[tuple[str, bytes], ...]) -> Entry:
    return Entry(
        path=found.path,
        kind=Kind.FILE,
        mode=found.mode,
        uid=found.uid,
        gid=found.gid,
        size=found.size,
        mtime=found.mtime,
        xattrs=xattrs,
        inode=found.inode,
        ctime=found.ctime,
        links=found.links,
    )
