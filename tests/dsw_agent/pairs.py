"""A program that keeps files in step, and how to see that a copy of them was torn.

It runs as a process of a container: in its cgroup, on its file system. A pair is two files with
pages that all hold one number; each transaction writes the next number into all pages of the first
and then of the second, so at any moment the numbers in the order of writing differ by one at most,
and never rise. Names are such that what is written first is read first for one pair, and last for
another.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

PAGES = 3
PAGE = 4096
PAIRS = {
    "written": ("a-written", "z-written"),
    "written backwards": ("z-backwards", "a-backwards"),
    "mapped": ("a-mapped", "z-mapped"),
    "mapped backwards": ("z-mapped-backwards", "a-mapped-backwards"),
    "replaced": ("a-replaced", "z-replaced"),
}
BALL = ("a-hand/ball", "z-hand/ball")
"""A file that is always in one of two folders."""

_PROGRAM = f"""
import mmap, os, struct, sys

os.chdir(sys.argv[1])
pairs = {PAIRS!r}
opened = {{}}
for first, second in list(pairs.values())[:4]:
    for name in (first, second):
        file = os.open(name, os.O_RDWR | os.O_CREAT)
        os.truncate(file, {PAGES * PAGE})
        opened[name] = file
maps = {{
    name: mmap.mmap(opened[name], {PAGES * PAGE})
    for kind in ("mapped", "mapped backwards")
    for name in pairs[kind]
}}
balls = {BALL!r}
for ball in balls:
    os.mkdir(os.path.dirname(ball))
open(balls[0], "w").close()
number = 0
while True:
    number += 1
    word = struct.pack("<Q", number)
    for kind in ("written", "written backwards"):
        for name in pairs[kind]:
            for page in range({PAGES}):
                os.pwrite(opened[name], word, page * {PAGE})
    for kind in ("mapped", "mapped backwards"):
        for name in pairs[kind]:
            for page in range({PAGES}):
                start = page * {PAGE}
                maps[name][start : start + 8] = word
    for name in pairs["replaced"]:
        with open("new", "wb") as file:
            for page in range({PAGES}):
                file.write(word.ljust({PAGE}, b"."))
        os.rename("new", name)
    os.rename(balls[0], balls[1])
    balls = balls[::-1]
"""


@contextmanager
def a_writer(folder: Path, freezer: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program at work in a folder of a container, in the container's cgroup."""
    procs = freezer / "cgroup.procs"
    enter = f"open({str(procs)!r}, 'w').write(str(__import__('os').getpid()))\n"
    process = subprocess.Popen([sys.executable, "-c", enter + _PROGRAM, str(folder)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def torn(files: Mapping[str, bytes]) -> list[str]:
    """What in a copy of the folder (contents by name) was never so at one moment."""
    found = []
    for kind, names in PAIRS.items():
        numbers = [number for name in names for number in _numbers(files[name])]
        falling = all(before >= after for before, after in pairwise(numbers))
        if not falling or numbers[0] - numbers[-1] > 1:
            found.append(f"{kind}: {numbers}")
    hands = [ball for ball in BALL if ball in files]
    if len(hands) != 1:
        found.append(f"the ball is in {hands}")
    return found


def count(files: Mapping[str, bytes]) -> int:
    """The number of the last transaction that was begun."""
    return _numbers(files[PAIRS["written"][0]])[0]


def _numbers(content: bytes) -> list[int]:
    starts = range(0, PAGES * PAGE, PAGE)
    return [struct.unpack_from("<Q", content, start)[0] for start in starts]
