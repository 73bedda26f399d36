"""What is in the containers that are saved: a tree of packages, very many files, a big one."""

from __future__ import annotations

import os
import random
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1024**2
CHANGED = 10
"""Files of one MiB that are written anew before the second snapshot."""


@dataclass(frozen=True)
class Workload:
    """A name, and what fills the folder that it is given."""

    name: str
    fill: Callable[[Path], None]


def workloads(quick: bool) -> list[Workload]:
    """The three of them, about one part in forty of it all when it is to be quick."""
    part = 40 if quick else 1
    return [
        Workload("pip", lambda folder: packages(folder, 25_000 // part, 670 * MIB // part)),
        Workload("files", lambda folder: small_files(folder, 200_000 // part)),
        Workload("blob", lambda folder: random_bytes(folder / "blob", 1024 * MIB // part)),
    ]


def packages(folder: Path, count: int, size: int) -> None:
    """Copies of installed packages, with their real sizes and contents, until there are so many
    files or bytes."""
    source = Path(sysconfig.get_path("purelib"))
    number = 0
    while True:
        number += 1
        for path in _files_below(source):
            if count <= 0 or size <= 0:
                return
            target = folder / f"venv{number}/lib/python3/site-packages" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)
            count, size = count - 1, size - path.lstat().st_size


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(parent, name)


def small_files(folder: Path, count: int) -> None:
    """Files of up to 2 KiB of digits, a thousand in a folder."""
    chance = random.Random(5)
    text = b"".join(b"%d\n" % chance.randrange(10**9) for _ in range(1000))
    for number in range(count):
        parent = folder / f"{number // 1000:03}"
        if number % 1000 == 0:
            parent.mkdir(parents=True)
        start = chance.randrange(len(text) - 2048)
        (parent / f"{number}.txt").write_bytes(text[start : start + chance.randrange(2048)])


def random_bytes(path: Path, size: int) -> None:
    """One file of random bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))


def change(folder: Path) -> None:
    """Write 10 MiB anew."""
    for number in range(CHANGED):
        random_bytes(folder / f"changed-{number}", MIB)
