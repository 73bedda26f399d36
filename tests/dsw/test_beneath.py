"""Paths below a folder: what is opened, and that nothing outside ever is."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsw import beneath

Opener = Callable[[int, str, int], int]
RACES = 1000


@pytest.fixture(params=["kernel", "walk"])
def opener(request: pytest.FixtureRequest) -> Opener:
    if request.param == "walk":
        return beneath.walk_beneath
    assert beneath._kernel_resolves()
    return beneath.open_beneath


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A folder `root` with `a/b/file`, beside `outside/file`."""
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/a/b/file").write_text("inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_text("outside")
    folder = beneath.open_folder(str(tmp_path / "root"))
    yield folder
    os.close(folder)


def text(opener: Opener, root: int, path: str) -> str:
    with open(opener(root, path, os.O_RDONLY)) as file:
        return file.read()


def refusal(opener: Opener, root: int, path: str, flags: int = os.O_RDONLY) -> int | None:
    with pytest.raises(OSError) as info:  # noqa: PT011
        os.close(opener(root, path, flags))
    return info.value.errno


def test_what_lies_below_is_opened(opener: Opener, root: int) -> None:
    assert text(opener, root, "a/b/file") == "inside"
    folder = opener(root, "", os.O_RDONLY | os.O_DIRECTORY)
    assert os.listdir(folder) == ["a"]
    assert not os.get_inheritable(folder)
    os.close(folder)
    assert refusal(opener, root, "a/none") == errno.ENOENT
    assert refusal(opener, root, "a/b/file/x") == errno.ENOTDIR
    assert refusal(opener, root, "a/b/file", os.O_RDONLY | os.O_DIRECTORY) == errno.ENOTDIR


def test_a_new_file_gets_its_mode(opener: Opener, root: int, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = beneath.open_beneath(root, "a/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    finally:
        os.umask(before)
    os.write(made, b"x")
    os.close(made)
    assert (tmp_path / "root/a/new").stat().st_mode & 0o777 == 0o640
    assert refusal(opener, root, "a/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL) == errno.EEXIST


@pytest.mark.parametrize(
    "path",
    ["..", "../outside/file", "a/../../outside/file", "a/..", "/etc/passwd", "a//../.."],
)
def test_a_path_that_leads_out_is_refused(root: int, path: str) -> None:
    assert refusal(beneath.open_beneath, root, path) == errno.EXDEV


def test_a_path_with_nul_is_not_cut_there(root: int) -> None:
    assert refusal(beneath.open_beneath, root, "a\0/x") == errno.EINVAL


@pytest.mark.parametrize("target", ["/etc", "../../outside", "../../../../../../../etc"])
def test_a_link_that_leads_out_is_refused(
    opener: Opener, root: int, tmp_path: Path, target: str
) -> None:
    (tmp_path / "root/link").symlink_to(target)
    (tmp_path / "root/a/deep").symlink_to(target)
    for path in ("link", "link/passwd", "a/deep", "a/deep/file"):
        for flags in (os.O_RDONLY, os.O_PATH, os.O_PATH | os.O_DIRECTORY):
            assert refusal(opener, root, path, flags) in (errno.EXDEV, errno.ELOOP), (path, flags)


def test_a_link_that_stays_below_is_followed_by_the_kernel_alone(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/link").symlink_to("a/b")
    (tmp_path / "root/a/up").symlink_to("../a/b")
    assert text(beneath.open_beneath, root, "link/file") == "inside"
    assert text(beneath.open_beneath, root, "a/up/file") == "inside"
    assert refusal(beneath.walk_beneath, root, "link/file") == errno.ELOOP
    assert refusal(beneath.walk_beneath, root, "link", os.O_PATH) == errno.ELOOP


def test_a_magic_link_is_refused(opener: Opener) -> None:
    """/proc/self/fd/N leads wherever the descriptor does."""
    outside = os.open("/etc", os.O_PATH)
    proc = beneath.open_folder("/proc/self")
    assert refusal(opener, proc, f"fd/{outside}/passwd") == errno.ELOOP
    assert refusal(opener, proc, "root/etc/passwd") == errno.ELOOP
    os.close(outside)
    os.close(proc)


def test_a_link_swapped_in_a_race_never_leads_out(
    opener: Opener, root: int, tmp_path: Path
) -> None:
    link = tmp_path / "root/link"
    link.symlink_to(tmp_path / "outside")
    done = threading.Event()

    def swap() -> None:
        folder = tmp_path / "root/a/b"
        while not done.is_set():
            os.rename(folder, tmp_path / "root/a/aside")
            os.rename(link, folder)
            os.rename(folder, link)
            os.rename(tmp_path / "root/a/aside", folder)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(RACES):
            with contextlib.suppress(OSError):
                seen.add(text(opener, root, "a/b/file"))
    finally:
        done.set()
        swapper.join()
    assert seen <= {"inside"}
    assert text(opener, root, "a/b/file") == "inside"
