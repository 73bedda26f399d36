"""What is mounted, as the kernel lists it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OWN = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mounted:
    """One mount. `device` as major:minor and `root` tell what is seen, `point` where."""

    device: str
    root: str
    point: str
    read_only: bool
    kind: str

    def shows(self, other: Mounted) -> bool:
        """Whether both show the same, with the same rights."""
        return (self.device, self.root, self.read_only) == (
            other.device,
            other.root,
            other.read_only,
        )


def read(path: Path = OWN) -> list[Mounted]:
    """All mounts; of those at one point the one that is seen comes last."""
    return list(_parse(path.read_bytes().decode(errors="surrogateescape")))


def at(point: str, mounts: Sequence[Mounted] | None = None) -> Mounted | None:
    """What is seen at a path, when it is a mount: now, or as it was read before."""
    listed = read() if mounts is None else mounts
    found = [mounted for mounted in listed if mounted.point == point]
    return found[-1] if found else None


def same(one: str, other: str) -> bool:
    """Whether two paths show the same with the same rights. A folder that is renamed has another
    name at all its mounts, so both are read at once."""
    mounts = read()
    first, second = at(one, mounts), at(other, mounts)
    return first is not None and second is not None and first.shows(second)


def below(folder: str) -> list[Mounted]:
    """The mounts in a folder, however deep."""
    return [mounted for mounted in read() if mounted.point.startswith(folder + "/")]


def _parse(text: str) -> Iterator[Mounted]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        _, _, device, root, point, options, *_ = before.split(" ")
        yield Mounted(
            device, _plain(root), _plain(point), "ro" in options.split(","), after.split(" ")[0]
        )


def _plain(path: str) -> str:
    # The kernel writes nothing above 127 so.
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), path)
