"""What is mounted, as the kernel lists it."""

from __future__ import annotations

import re
from collections.abc import Iterator
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


def at(point: str) -> Mounted | None:
    """What is seen at a path, when it is a mount."""
    found = [mounted for mounted in read() if mounted.point == point]
    return found[-1] if found else None


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
