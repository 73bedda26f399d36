"""A tree with everything in it that is hard to keep, in a container, and changes that are hardest.

Its volume is small where the tests run for everybody; `DSW_TEST_FULL=1` gives all of it.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import struct
from pathlib import Path

FULL = os.environ.get("DSW_TEST_FULL") == "1"
FILES = 200_000 if FULL else 2_000
SPARSE = 10 * 1024**3 if FULL else 64 * 1024**2
LONGEST = 4_001
"""Bytes of the longest path, absolute in the container, that an image can have. Linux takes
4,095, of which Docker needs 94 for where it unpacks a layer."""

CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
"""VFS_CAP_REVISION_2 with cap_net_bind_service permitted and effective."""

KINDS = ("file", "folder", "link", "pipe", "device")
TIMES = (
    -1,
    -1_500_000_000,
    -2_000_000_000_000_000_001,
    1,
    4_102_444_800_123_456_789,
    2**33 * 10**9,
)
"""Nanoseconds: before 1970, just after it, and past what 32 and 33 bits hold in seconds."""


def plant(root: Path) -> None:
    """Make the tree in the root of a container of Debian."""
    folder = root / "opt/torture"
    folder.mkdir()
    _of_the_base(root)
    _many(folder / "many")
    _links(folder / "links")
    _modes(folder / "modes")
    _attributes(folder / "attributes")
    _specials(folder / "specials")
    _names(folder / "names")
    _deep(folder)
    _sparse(folder / "sparse", b"first")
    for before in KINDS:
        for after in KINDS:
            _make(folder / f"swap/{before}-{after}", before)
    _times(folder / "times")


def mutate(root: Path) -> None:
    """Change the planted tree in every way that the next snapshot has to see."""
    folder = root / "opt/torture"
    chance = random.Random(1)
    many = sorted((folder / "many").rglob("*.txt"))
    for path in chance.sample(many, len(many) // 20):
        path.write_text(f"changed {chance.random()}")
    for path in chance.sample(many, len(many) // 20):
        path.unlink(missing_ok=True)
    for path in sorted((folder / "swap").iterdir()):
        _remove(path)
        _make(path, path.name.partition("-")[2])
    shutil.rmtree(folder / "many/00000")
    _fill(folder / "many/00000", 3)
    _same_look(folder / "names")
    # Deleted in the first snapshot, back in the second; and the other way round.
    (root / "etc/debian_version").write_text("again\n")
    (root / "etc/pam.d/mine").unlink()
    (root / "etc/pam.d/login").write_text("back with other words\n")
    shutil.rmtree(root / "usr/share/base-files")
    # A folder moved with all that is in it, and one in its place.
    (folder / "modes").rename(folder / "moved")
    _modes(folder / "modes")
    _relink(folder / "links")
    os.chmod(folder / "specials/pipe", 0o600)
    os.chown(folder / "attributes/file", 7, 8)
    os.removexattr(folder / "attributes/file", "user.empty")
    os.setxattr(folder / "attributes", "user.note", b"later")
    _sparse(folder / "sparse", b"second")


def _of_the_base(root: Path) -> None:
    """Whiteouts, and folders, files and links that replace what the image below has."""
    (root / "etc/debian_version").unlink()
    shutil.rmtree(root / "usr/share/base-passwd")
    shutil.rmtree(root / "etc/pam.d")
    (root / "etc/pam.d").mkdir()
    (root / "etc/pam.d/mine").write_text("mine")
    shutil.rmtree(root / "usr/share/debconf")
    (root / "usr/share/debconf").write_text("a file now")
    shutil.rmtree(root / "etc/cron.daily")
    (root / "etc/cron.daily").symlink_to("../opt")
    (root / "etc/issue").unlink()
    (root / "etc/issue/below").mkdir(parents=True)
    (root / "etc/issue.net").unlink()
    (root / "etc/issue.net").symlink_to("nowhere")
    (root / "etc/os-release").unlink()
    (root / "etc/os-release").mkdir()
    os.chmod(root / "etc/shells", 0o600)
    os.chown(root / "etc/skel", 12, 34)
    os.link(root / "etc/profile", root / "etc/profile.linked")


def _many(folder: Path) -> None:
    for number in range(0, FILES, 500):
        _fill(folder / f"{number:05}", min(500, FILES - number))


def _fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"{folder.name} {number}" * (number % 40))


def _links(folder: Path) -> None:
    (folder / "b").mkdir(parents=True)
    (folder / "a").mkdir()
    (folder / "b/first").write_text("one content")
    for name in ("a/second", "z-third"):
        (folder / name).hardlink_to(folder / "b/first")
    for name, target in {"absolute": "/etc/passwd", "up": "../../..", "loop": "loop"}.items():
        (folder / name).symlink_to(target)
    (folder / "long").symlink_to("t" * 4_000)
    os.mkfifo(folder / "pipe")
    for name in ("pipe", "up"):
        os.link(folder / name, folder / f"b/{name}-too", follow_symlinks=False)


def _relink(folder: Path) -> None:
    """One name of three gets a content of its own, and others come together."""
    (folder / "a/second").unlink()
    (folder / "a/second").write_text("of its own")
    (folder / "a/fourth").hardlink_to(folder / "z-third")
    (folder / "loop").unlink()
    (folder / "loop").symlink_to("absolute")


def _modes(folder: Path) -> None:
    folder.mkdir()
    for mode in (0o0, 0o400, 0o644, 0o1777, 0o2755, 0o4755, 0o6751, 0o7777):
        path = folder / f"file-{mode:o}"
        path.write_text("x")
        (folder / f"folder-{mode:o}").mkdir()
        for each in (path, folder / f"folder-{mode:o}"):
            os.chown(each, 1000 + mode, 3_000_000 + mode)
            os.chmod(each, mode)


def _attributes(folder: Path) -> None:
    folder.mkdir()
    (folder / "file").write_text("x")
    os.setxattr(folder / "file", "security.capability", CAPABILITY)
    os.setxattr(folder / "file", "user.binary", b"\0\xff=\n1 2=3\n")
    os.setxattr(folder / "file", "user.empty", b"")
    os.setxattr(folder / "file", "user.equals=sign", b"x")
    os.setxattr(folder / "file", "user.big", b"b" * 2_000)
    os.setxattr(folder, "user.note", "grün".encode())


def _specials(folder: Path) -> None:
    folder.mkdir()
    os.mknod(folder / "null", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    os.mknod(folder / "high", stat.S_IFCHR | 0o600, os.makedev(4_000, 70_000))
    os.mknod(folder / "block", stat.S_IFBLK | 0o660, os.makedev(7, 200))
    os.mkfifo(folder / "pipe", 0o622)
    os.mknod(folder / "socket", stat.S_IFSOCK | 0o600)


def _names(folder: Path) -> None:
    folder.mkdir()
    names = [
        "数据 训练.txt",
        "n" * 255,
        "é" * 127,
        "new\nline",
        "back\\slash",
        "tab\t",
        "*?[",
        "-n",
    ]
    names += [".whx", "wh.x", "x.wh.", " ", "...", "e\u0301 is not \u00e9", "\u00e9 is not e\u0301"]
    for name in names:
        (folder / name).write_text(name)
    for raw in (b"latin-\xe9", b"half-\xf0\x9f", b"\x01\x7f"):
        Path(os.fsdecode(bytes(folder) + b"/" + raw)).write_bytes(raw)


def _same_look(folder: Path) -> None:
    """Same size and time of change, other content: only the ctime tells."""
    path = folder / "-n"
    was = path.stat()
    path.write_text("n-")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def _deep(folder: Path) -> None:
    """A file at the longest path."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    room = LONGEST - len("/opt/torture/")
    while room > 255:
        name = "d" * min(200, room - 51)
        os.mkdir(name, dir_fd=opened)
        inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=opened)
        os.close(opened)
        opened, room = inside, room - len(name) - 1
    file = os.open("f" * room, os.O_WRONLY | os.O_CREAT, dir_fd=opened)
    os.write(file, b"at the end of a long way")
    os.close(file)
    os.close(opened)


def _sparse(path: Path, word: bytes) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(word)
        file.seek(SPARSE // 2 + 1)
        file.write(b"middle of " + word)
        file.truncate(SPARSE - 1)


def _times(folder: Path) -> None:
    for number, time in enumerate(TIMES):
        for kind in ("file", "folder", "link", "pipe"):
            path = folder / f"{kind}-{number}"
            _make(path, kind)
            os.utime(path, ns=(0, time), follow_symlinks=False)
    os.utime(folder, ns=(0, 987_654_321_123_456_789))


def _make(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        path.write_text(f"the file {path.name}")
    elif kind == "folder":
        path.mkdir()
        (path / "inside").write_text(f"in {path.name}")
    elif kind == "link":
        path.symlink_to(f"../{path.name}")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
