"""What folders hold is measured as the disk sees it, and what is new waits for room."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.starts import ROOMY, create, end

from dsw.errors import QuotaExceeded
from dsw.images import ImageSource
from dsw.instances import InstanceState
from dsw.names import slug
from dsw.plan import PlanRequest
from dsw.quota import Quota
from dsw.usage import UsageBy
from dsw_control import instances, plans
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records import disk_use as disk_use_module
from dsw_control.records.disk_use import BATCH, disk_use
from dsw_control.records.measuring import measure
from dsw_control.records.storage import SHARED, Scope, check_storage, storage_by, storage_used
from dsw_control.store.tables import Image, StorageUse, Workspace, WorkspaceQuota

MOMENT = datetime(2026, 3, 10, 12, tzinfo=UTC)
MIB = 1024**2


def fill(path: Path, size: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


def use(folder: Path) -> int:
    *_, last = disk_use(str(folder))
    return last


def of_du(folder: Path) -> int:
    """The same by the system's own program."""
    done = subprocess.run(
        ["du", "--block-size=1", "--one-file-system", "--summarize", folder],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a bit of everything."""
    folder = tmp_path / "home"
    fill(folder / "data/one.bin", 300_000)
    fill(folder / "data/deep/er/two.bin", 10)
    fill(folder / "empty")
    os.link(folder / "data/one.bin", folder / "linked.bin")
    fill(tmp_path / "elsewhere/secret.bin", 5_000_000)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to("missing")
    os.mkfifo(folder / "pipe")
    with (folder / "sparse").open("wb") as file:
        file.truncate(10**12)
    return folder


def test_a_folder_takes_what_the_system_says(home: Path) -> None:
    assert use(home) == of_du(home)
    assert 300_000 < use(home) < 1_000_000


def test_many_entries_come_in_pieces(tmp_path: Path) -> None:
    for number in range(BATCH * 2 + 10):
        fill(tmp_path / f"{number % 7}/{number}")
    sizes = list(disk_use(str(tmp_path)))
    assert len(sizes) == 3
    assert sizes == sorted(sizes)
    assert sizes[-1] == of_du(tmp_path)


def test_no_depth_is_too_deep(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with open(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here), "wb") as file:
        file.write(b"x" * 50_000)
    os.close(here)
    assert use(tmp_path) == of_du(tmp_path)
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def test_a_link_instead_of_the_folder_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bob").symlink_to(home)
    with pytest.raises(OSError, match="bob"):
        use(tmp_path / "bob")


def test_no_file_stays_open(home: Path) -> None:
    before = os.listdir("/proc/self/fd")
    use(home)
    half = disk_use(str(home))
    next(half)
    half.close()
    assert os.listdir("/proc/self/fd") == before


def in_steps(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[int]:
    """A walk that pauses at every entry."""
    monkeypatch.setattr(disk_use_module, "BATCH", 1)
    return disk_use(str(folder))


@pytest.mark.parametrize("stop", range(12))
def test_a_tree_that_changes_under_the_walk_is_still_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    """Wherever the walk is when its folder is moved away, removed or swapped for a link."""
    outside = fill(tmp_path / "outside/secret.bin", 5_000_000).parent
    top = tmp_path / "top"
    for name in "ab":
        fill(top / name / "x/y/z/file", 20_000)
        fill(top / name / "file", 20_000)
    walk = in_steps(monkeypatch, top)
    sizes = list(itertools.islice(walk, stop))
    (top / "a/x/y").rename(tmp_path / "moved")
    (top / "a/x/y").symlink_to(outside)
    subprocess.run(["rm", "-rf", top / "b/x"], check=True)
    (top / "b/x").symlink_to("/")
    sizes += list(walk)
    assert sizes == sorted(sizes)
    assert 40_000 <= sizes[-1] < 400_000


@pytest.fixture
async def control(make_control: MakeControl) -> Control:
    control: Control = await make_control(**ROOMY)
    control.clock = lambda: MOMENT
    return control


async def workspace_id(control: Control) -> str:
    async with control.db.read() as session:
        return await session.scalar(select(Workspace.id)) or ""


async def measured(control: Control) -> dict[str, int]:
    async with control.db.read() as session:
        return {row.owner: row.size for row in await session.scalars(select(StorageUse))}


async def used(control: Control) -> int | None:
    async with control.db.read() as session:
        return await storage_used(session, await workspace_id(control))


async def allow(control: Control, storage: int | None) -> None:
    async with control.db.write() as session:
        row = await session.get_one(WorkspaceQuota, (await workspace_id(control), "local"))
        row.quota = Quota(storage=storage).model_dump(mode="json")


async def save_image(control: Control, owner: str, size: int, **more: Any) -> None:
    async with control.db.write() as session:
        fields = {
            "id": f"img-{owner}-{size}",
            "name": "saved",
            "description": "",
            "source": ImageSource.SNAPSHOT,
            "workspace_id": await workspace_id(control),
            "owner": owner,
            "reference": "x",
            "digest": "x",
            "size": size,
            "created_at": MOMENT,
        }
        session.add(Image(**(fields | more)))


async def test_the_folders_of_a_plan_are_the_ones_that_are_measured(control: Control) -> None:
    item = await create(control, "Ada Lovelace", "cpu")
    request = {"owner": "Ada Lovelace", "name": item.name, "options": {}}
    plan = await plans.make_plan(control, PlanRequest.model_validate(request))
    fill(Path(plan.home) / "data.bin", 3 * MIB)
    (shared,) = (mount.source for mount in plan.mounts if mount.source.endswith("/shared"))
    fill(Path(shared) / "data.bin", MIB)
    await measure(control)
    found = await measured(control)
    assert found.keys() == {"Ada Lovelace", SHARED}
    assert found["Ada Lovelace"] == of_du(Path(plan.home)) > 3 * MIB
    assert found[SHARED] == of_du(Path(shared)) > MIB
    assert await used(control) == sum(found.values())


async def test_homes_of_those_who_left_count_and_strangers_too(control: Control) -> None:
    nas = Path(control.settings.nas_root) / await workspace_id(control)
    await create(control, "ada", "cpu")
    fill(nas / "home" / slug("ada") / "x", MIB)
    fill(nas / "home/nobody-known--abc/x", MIB)
    await measure(control)
    found = await measured(control)
    assert found.keys() == {"ada", SHARED}
    assert found[SHARED] == of_du(nas / "home/nobody-known--abc")


async def test_what_is_gone_from_the_disk_is_gone_from_the_sum(control: Control) -> None:
    nas = Path(control.settings.nas_root) / await workspace_id(control)
    await create(control, "ada", "cpu")
    home = fill(nas / "home/ada/x", MIB).parent
    await measure(control)
    (home / "x").unlink()
    await measure(control)
    assert (await measured(control))["ada"] < MIB
    home.rmdir()
    await measure(control)
    assert (await measured(control)).keys() == {SHARED}


async def test_a_home_that_cannot_be_measured_keeps_its_size(control: Control) -> None:
    nas = Path(control.settings.nas_root) / await workspace_id(control)
    await create(control, "ada", "cpu")
    home = fill(nas / "home/ada/x", MIB).parent
    await measure(control)
    before = await measured(control)
    home.rename(nas / "away")
    home.symlink_to(nas / "away")
    await measure(control)
    assert await measured(control) == before


@pytest.mark.parametrize(
    "storage",
    [
        {"measure_minutes": 0},
        {"kind": "nfs", "nfs_server": "nas", "nfs_path": "/export"},
        {"root": "/nonexistent/nas"},
    ],
)
async def test_what_control_cannot_see_is_not_known(
    make_control: MakeControl, storage: dict[str, Any]
) -> None:
    seeing: Control = await make_control(**ROOMY)
    fill(Path(seeing.settings.nas_root) / "README")
    await measure(seeing)
    assert await used(seeing) == 0
    blind: Control = await make_control(**ROOMY, storage=storage)
    await measure(blind)
    assert await used(blind) is None
    await save_image(blind, "ada", 5)
    await allow(blind, 5)
    async with blind.db.read() as session:
        with pytest.raises(QuotaExceeded, match="keeps 5 B, and may keep 5 B"):
            await check_storage(session, blind, await workspace_id(blind))


async def test_saved_images_count_for_their_owner_and_the_workspace(control: Control) -> None:
    nas = Path(control.settings.nas_root) / await workspace_id(control)
    await create(control, "ada", "cpu")
    fill(nas / "home/ada/x", MIB)
    await measure(control)
    folders = await used(control)
    assert folders is not None
    await save_image(control, "ada", 7 * MIB)
    await save_image(control, "ada", 9 * MIB, retired_at=MOMENT)
    await save_image(control, "ada", 11 * MIB, source=ImageSource.CUSTOM)
    assert await used(control) == folders + 7 * MIB
    async with control.db.read() as session:
        by_user = await storage_by(session, UsageBy.USER, Scope())
    assert by_user == {"ada": of_du(nas / "home/ada") + 7 * MIB}


async def test_nothing_new_is_made_when_the_storage_is_used_up(control: Control) -> None:
    nas = Path(control.settings.nas_root) / await workspace_id(control)
    item = await create(control, "ada", "cpu")
    await end(control, item.id, InstanceState.STOPPED)
    fill(nas / "home/ada/x", 3 * MIB)
    await measure(control)
    await allow(control, 2 * MIB)
    with pytest.raises(QuotaExceeded, match="may keep 2 MiB") as refusal:
        await create(control, "ada", "cpu", name="other")
    assert "measured every 60 minutes" in refusal.value.sentence
    started = await instances.start_instance(control, Caller(name="ada"), item.id)
    assert started.state is not InstanceState.FAILED
    (nas / "home/ada/x").unlink()
    await measure(control)
    await create(control, "ada", "cpu", name="other")


async def test_the_strictest_quota_of_a_group_that_exists_counts(control: Control) -> None:
    workspace = await workspace_id(control)
    await save_image(control, "ada", 5 * MIB)
    for group, storage in (("local", 6 * MIB), ("retired", MIB)):
        async with control.db.write() as session:
            quota = Quota(storage=storage).model_dump(mode="json")
            await session.merge(
                WorkspaceQuota(workspace_id=workspace, resource_group=group, quota=quota)
            )
    async with control.db.read() as session:
        await check_storage(session, control, workspace)
    await allow(control, 4 * MIB)
    async with control.db.read() as session:
        with pytest.raises(QuotaExceeded):
            await check_storage(session, control, workspace)
