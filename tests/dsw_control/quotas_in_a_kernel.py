"""What file systems with project quotas do: `test_project_quotas.py` runs it in such a kernel."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.limited_homes import Isolated, report, start
from tests.dsw_control.starts import ROOMY
from tests.small_kernels import DISKS, MIB, an_empty_disk

from dsw.plan import GID, UID
from dsw_control.context import Control
from dsw_control.engines.docker import make_host_folders
from dsw_control.records import project_quotas
from dsw_control.records.disk_use import disk_use
from dsw_control.records.folder_limits import FIRST_PROJECT, claiming
from dsw_control.records.measuring import measure

NUMBER = 4242
FULL = ("Disk quota exceeded", "No space left on device")
"""XFS says the latter for projects, as if the disk were full."""

USER = ["setpriv", f"--reuid={UID}", f"--regid={GID}", "--clear-groups"]
ROOT = ["setpriv", "--bounding-set=-sys_resource,-sys_admin"]
"""How a user and root are in a container: its root may not pass over limits either."""


def write(file: Path, size: int, who: Sequence[str] = USER) -> str:
    """Let somebody in an instance write so many bytes more; what came in the way."""
    what = ["dd", "if=/dev/urandom", f"of={file}", "bs=64K", f"count={size // 65536}"]
    how = ["oflag=append", "conv=notrunc,fsync", "status=none"]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        [*who, *what, *how], check=False, capture_output=True, text=True, env=environment
    )
    return done.stderr.strip()


def is_full(said: str) -> bool:
    """Whether that was the limit."""
    return said.endswith(FULL)


@pytest.fixture(params=[*DISKS])
def disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system with project quotas, of each kind that has them."""
    with an_empty_disk(request.param) as top:
        top.chmod(0o755)
        yield top


@pytest.fixture
def home(disk: Path) -> Path:
    """A folder of the instance's user on it."""
    make_host_folders(disk, ["home"])
    return disk / "home"


@pytest.fixture
def opened(home: Path) -> Iterator[int]:
    """The same, open."""
    folder = os.open(home, os.O_RDONLY)
    yield folder
    os.close(folder)


@pytest.mark.parametrize("who", [USER, ROOT], ids=["user", "root"])
def test_a_write_beyond_the_limit_is_refused(home: Path, opened: int, who: list[str]) -> None:
    assert project_quotas.why_not(opened) == ""
    project_quotas.set_limit(opened, NUMBER, 2 * MIB)
    project_quotas.claim(opened, NUMBER)
    assert write(home / "fits", MIB, who) == ""
    assert is_full(write(home / "more", 2 * MIB, who))
    held = project_quotas.held(opened, NUMBER)
    assert held.limit == 2 * MIB
    assert MIB <= held.used <= 2 * MIB
    project_quotas.set_limit(opened, NUMBER, 4 * MIB)
    assert write(home / "again", MIB, who) == ""
    project_quotas.set_limit(opened, NUMBER, 0)
    assert write(home / "again", 8 * MIB, who) == ""


def test_what_was_there_before_counts_too(home: Path, opened: int) -> None:
    deep = home / "a/b/c"
    deep.mkdir(parents=True)
    for folder in (home, deep):
        (folder / "file").write_bytes(os.urandom(MIB))
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to("/etc")
        (folder / "gone").symlink_to("nowhere")
    subprocess.run(["chown", "-Rh", f"{UID}:{GID}", home], check=True)
    project_quotas.set_limit(opened, NUMBER, 3 * MIB)
    *_, size = disk_use(str(home), claiming(NUMBER))
    held = project_quotas.held(opened, NUMBER)
    assert 2 * MIB <= held.used <= size
    assert is_full(write(deep / "more", 2 * MIB))
    # Between two projects a rename is refused: all of a home has to be in one.
    (deep / "file").rename(home / "moved")


def test_a_disk_without_the_option_only_counts() -> None:
    with an_empty_disk("ext4", "defaults") as top:
        folder = os.open(top, os.O_RDONLY)
        try:
            assert "prjquota" in project_quotas.why_not(folder)
        finally:
            os.close(folder)


async def a_control(make_control: MakeControl, root: Path, **storage: Any) -> Control:
    control: Control = await make_control(**ROOMY, storage={"root": str(root), **storage})
    control.engine = Isolated(control.settings)
    return control


async def test_homes_and_shared_folders_get_their_limits(
    make_control: MakeControl, disk: Path
) -> None:
    limits = {"home_quota": 2 * MIB, "shared_quota": MIB}
    control = await a_control(make_control, disk, **limits)
    project_quotas.set_limit(folder := os.open(disk, os.O_RDONLY), FIRST_PROJECT, MIB)
    os.close(folder)
    ada = await start(control, "ada", "one")
    ben = await start(control, "ben", "one")
    assert await start(control, "ada", "two") == ada
    assert is_full(write(ada / "file", 4 * MIB))
    assert write(ben / "file", MIB) == ""
    assert is_full(write(ada.parent.parent / "shared/file", 2 * MIB))
    seen = await report(control)
    assert seen["why_not"] == ""
    assert all(seen[owner].enforced for owner in ("ada", "ben", ""))
    assert (seen["ada"].limit, seen[""].limit) == (2 * MIB, MIB)
    assert MIB <= seen["ben"].used < 2 * MIB
    assert seen["ben"].used < seen["ada"].used <= 2 * MIB
    mine = await report(control, "ada", admin=False)
    assert mine.keys() == {"why_not", "ada", ""}


async def test_homes_from_before_are_counted_by_the_next_measurement(
    make_control: MakeControl, disk: Path
) -> None:
    control = await a_control(make_control, disk)
    home = await start(control, "ada", "one")
    (home / "deep").mkdir()
    os.chown(home / "deep", UID, GID)
    assert write(home / "deep/file", MIB) == ""
    assert (await report(control)).keys() == {"why_not"}
    limited = await a_control(make_control, disk, home_quota=2 * MIB)
    await measure(limited)
    seen = (await report(limited))["ada"]
    assert seen.enforced
    assert seen.used >= MIB
    assert is_full(write(home / "deep/more", 2 * MIB))
    raised = await a_control(make_control, disk, home_quota=8 * MIB)
    assert not (await report(raised))["ada"].enforced
    await start(raised, "ada", "two")
    assert (await report(raised))["ada"].limit == 8 * MIB
    assert write(home / "deep/more", 2 * MIB) == ""
    free = await a_control(make_control, disk)
    await measure(free)
    assert write(home / "deep/more", 10 * MIB) == ""
    assert (await report(free))["ada"].limit is None
