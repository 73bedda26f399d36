"""Uploads into folders: piece by piece, whole or not at all, through restarts and full disks."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.data_worlds import make_world
from tests.dsw_control.dataset_files import Files, host_files
from tests.dsw_control.teams import audited

from dsw.names import new_id
from dsw_control.data import staging
from dsw_control.data.staging import InFolder
from dsw_control.data.upload_worker import UploadWorker
from dsw_control.loops import every
from dsw_control.store.tables import StorageUse, Upload

CONTENT = os.urandom(100_000)


@pytest.fixture
async def files(make_api: Any, tmp_path: Path) -> Files:
    return await host_files(await make_world(make_api, tmp_path / "places"))


async def row(files: Files, upload_id: str) -> Upload:
    async with files.api.control.db.read() as session:
        return await session.get_one(Upload, upload_id)


async def test_a_file_comes_in_pieces_and_is_there_as_a_whole(files: Files) -> None:
    made = await files.begin("new/deep/a.bin", len(CONTENT))
    assert (made["state"], made["bytes_done"]) == ("Receiving", 0)
    answer = await files.put(made["id"], CONTENT[:60_000])
    assert (answer.json()["state"], answer.json()["bytes_done"]) == ("Receiving", 60_000)
    assert await files.names("new/deep") == []
    answer = await files.put(made["id"], CONTENT[60_000:], 60_000)
    assert answer.json()["state"] == "Storing"
    assert await files.names("new/deep") == []
    await files.turn()
    done = await files.upload(made["id"])
    assert (done["state"], done["bytes_done"]) == ("Done", len(CONTENT))
    target = files.folder / "new" / "deep" / "a.bin"
    assert target.read_bytes() == CONTENT
    assert files.staged() == []
    for path in (target, target.parent, target.parent.parent):
        facts = path.stat()
        if os.geteuid() == 0:
            assert (facts.st_uid, facts.st_gid) == (1000, 1000)
        assert facts.st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)
    assert (await audited(files.api, "dataset.write"))[0].detail["path"] == "new/deep/a.bin"


async def test_a_wrong_offset_is_told_the_right_one(files: Files) -> None:
    made = await files.begin("a.bin", 10)
    await files.put(made["id"], b"1234")
    for offset in (0, 3, 5, 9):
        answer = await files.put(made["id"], b"x", offset)
        assert answer.status_code == 409
        assert "Go on with offset=4" in answer.json()["detail"]
    assert (await files.upload(made["id"]))["bytes_done"] == 4


async def test_what_came_before_a_broken_connection_is_kept(files: Files) -> None:
    made = await files.begin("a.bin", 5)

    async def breaks() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await files.put(made["id"], breaks())
    shown = await files.upload(made["id"])
    assert shown["state"] == "Receiving"
    rest = b"abcde"[shown["bytes_done"] :]
    assert (await files.put(made["id"], rest, shown["bytes_done"])).json()["state"] == "Storing"
    await files.turn()
    assert (files.folder / "a.bin").read_bytes() == b"abcde"


async def test_an_empty_file_is_uploaded(files: Files) -> None:
    assert (await files.send("empty", b""))["state"] == "Done"
    assert (files.folder / "empty").read_bytes() == b""


async def test_more_bytes_than_announced_are_refused(files: Files) -> None:
    made = await files.begin("a.bin", 4)

    async def longer() -> AsyncIterator[bytes]:
        yield b"12345"

    for content in (b"12345", longer()):
        answer = await files.put(made["id"], content)
        assert answer.status_code == 422
        assert "announced" in answer.json()["detail"]
    assert (await files.upload(made["id"]))["bytes_done"] == 0
    assert (await files.put(made["id"], b"1234")).status_code == 200
    await files.turn()
    assert (files.folder / "a.bin").read_bytes() == b"1234"
    answer = await files.put(made["id"], b"5", 4)
    assert answer.status_code == 409
    assert (files.folder / "a.bin").read_bytes() == b"1234"


async def test_a_name_that_is_taken_is_refused_unless_it_may_be_replaced(files: Files) -> None:
    (files.folder / "a.txt").write_text("old")
    (files.folder / "sub").mkdir()
    answer = await files.begun("a.txt", 3)
    assert answer.status_code == 409
    assert "already" in answer.json()["detail"]
    assert (await files.begun("sub", 3, overwrite=True)).status_code == 409
    assert (await files.begun("a.txt/below", 3)).status_code in (201, 404, 409)
    assert (await files.send("a.txt", b"new", overwrite=True))["state"] == "Done"
    assert (files.folder / "a.txt").read_text() == "new"


async def test_of_two_uploads_to_one_name_each_is_whole(files: Files) -> None:
    one, two = [await files.begin("a.bin", len(CONTENT)) for _ in range(2)]
    other = CONTENT[::-1]
    await asyncio.gather(files.put(one["id"], CONTENT), files.put(two["id"], other))
    await files.turn()
    states = [await files.upload(each["id"]) for each in (one, two)]
    assert sorted(each["state"] for each in states) == ["Done", "Failed"]
    assert "already" in next(each["message"] for each in states if each["state"] == "Failed")
    kept = CONTENT if states[0]["state"] == "Done" else other
    assert (files.folder / "a.bin").read_bytes() == kept
    assert files.staged() == []


async def test_a_file_that_came_meanwhile_is_not_replaced(files: Files) -> None:
    made = await files.begin("a.bin", 3)
    await files.put(made["id"], b"new")
    (files.folder / "a.bin").write_text("of somebody else")
    await files.turn()
    assert (await files.upload(made["id"]))["state"] == "Failed"
    assert (files.folder / "a.bin").read_text() == "of somebody else"
    assert files.staged() == []


async def test_two_requests_at_once_do_not_mix_their_bytes(files: Files) -> None:
    made = await files.begin("a.bin", 6)
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        began.set()
        await go_on.wait()
        yield b"abcdef"

    first = asyncio.create_task(files.put(made["id"], slow()))
    await began.wait()
    # It asks for bytes when it has the file.
    assert files.staged()
    answer = await files.put(made["id"], b"ABCDEF")
    go_on.set()
    assert (await first).status_code == 200
    assert answer.status_code == 409
    assert "Another request" in answer.json()["detail"]
    await files.turn()
    assert (files.folder / "a.bin").read_bytes() == b"abcdef"


async def test_a_cancelled_upload_leaves_nothing(files: Files) -> None:
    made = await files.begin("a.bin", 6)
    await files.put(made["id"], b"abc")
    path = f"/datasets/uploads/{made['id']}"
    await files.api.ok("dora", "DELETE", path)
    await files.turn()
    assert (await files.upload(made["id"]))["state"] == "Cancelled"
    assert files.staged() == []
    answer = await files.put(made["id"], b"def", 3)
    assert answer.status_code == 409
    assert files.staged() == []
    await files.api.ok("dora", "DELETE", path)
    assert (await files.api.send("dora", "GET", path)).status_code == 404


async def test_the_list_has_ones_own_that_are_under_way(files: Files) -> None:
    await files.api.ok("dora", "PATCH", files.api_root, {"write_roles": ["admin"]})
    mine = await files.begin("a.bin", 6)
    await files.begin("b.bin", 6, "adam")
    await files.send("c.bin", b"done")
    await files.put(mine["id"], b"abc")
    listed = (await files.api.ok("dora", "GET", "/datasets/uploads"))["items"]
    assert [(each["path"], each["bytes_done"]) for each in listed] == [("a.bin", 3)]


async def test_anothers_upload_does_not_exist_for_others(files: Files) -> None:
    made = await files.begin("a.bin", 6)
    for who in ("adam", "stranger", ADMIN):
        path = f"/datasets/uploads/{made['id']}"
        assert (await files.api.send(who, "GET", path)).status_code == 404
        assert (await files.api.send(who, "DELETE", path)).status_code == 404
        assert (await files.put(made["id"], b"abcdef", who=who)).status_code == 404
    assert (await files.upload(made["id"]))["state"] == "Receiving"


async def test_bytes_of_who_may_no_longer_write_are_refused(files: Files) -> None:
    made = await files.begin("a.bin", 6, "adam")
    await files.put(made["id"], b"abc", who="adam")
    await files.api.ok("dora", "PATCH", files.api_root, {"write_roles": ["labeler"]})
    assert (await files.put(made["id"], b"def", 3, who="adam")).status_code == 403
    assert await files.names() == []


class Killed(BaseException):
    """Control ends here, as by SIGKILL."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
async def test_a_control_that_ends_while_it_stores_does_it_once(
    files: Files, monkeypatch: pytest.MonkeyPatch, overwrite: bool, after: bool
) -> None:
    made = await files.begin("a.bin", len(CONTENT), overwrite=overwrite)
    await files.put(made["id"], CONTENT)
    publish = InFolder.publish

    def ends(self: InFolder, overwrite: bool) -> None:
        if after:
            publish(self, overwrite)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(InFolder, "publish", ends)
        with pytest.raises(Killed):
            await files.worker.turn()
    assert (await row(files, made["id"])).state == "Storing"
    await UploadWorker(files.api.control).turn()
    assert (await files.upload(made["id"]))["state"] == "Done"
    assert (files.folder / "a.bin").read_bytes() == CONTENT
    assert files.staged() == []


async def test_a_control_that_ends_between_two_names_of_a_file_goes_on(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await files.begin("a.bin", len(CONTENT))
    await files.put(made["id"], CONTENT)

    def ends(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(staging.os, "unlink", ends)
        with pytest.raises(Killed):
            await files.worker.turn()
    assert files.staged()
    await UploadWorker(files.api.control).turn()
    assert (await files.upload(made["id"]))["state"] == "Done"
    assert files.staged() == []


async def test_a_full_disk_leaves_a_sentence_and_nothing_else(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await files.begin("a.bin", len(CONTENT))
    await files.put(made["id"], CONTENT[:10])

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("dsw_control.appending.os.pwrite", full)
        answer = await files.put(made["id"], CONTENT[10:], 10)
    assert answer.status_code == 409
    assert "There is no room left" in answer.json()["detail"]
    shown = await files.upload(made["id"])
    assert (shown["state"], "no room left" in shown["message"]) == ("Failed", True)
    assert list(files.folder.iterdir()) == []


async def test_what_has_no_room_is_refused_at_once(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InFolder, "free", lambda _: 1000)
    assert (await files.begun("a.bin", 1001)).status_code == 409
    await files.begin("b.bin", 600)
    answer = await files.begun("c.bin", 600)
    assert answer.status_code == 409
    assert "400 B are left" in answer.json()["detail"]


async def test_sizes_and_numbers_have_limits(make_api: Any, tmp_path: Path) -> None:
    world = await make_world(make_api, tmp_path / "places")
    files = await host_files(world)
    settings = world.api.control.settings
    small = settings.datasets.model_copy(update={"upload_max": 1000})
    world.api.control.settings = settings.model_copy(update={"datasets": small})
    answer = await files.begun("a.bin", 1001)
    assert answer.status_code == 422
    assert "up to 1000 B may be uploaded" in answer.json()["detail"]
    assert (await files.begun("a.bin", -1)).status_code == 422
    assert (await files.begun("a.bin", 2**63)).status_code == 422
    for number in range(20):
        await files.begin(f"{number}.bin", 1)
    answer = await files.begun("more.bin", 1)
    assert answer.status_code == 409
    assert "20 of your uploads have not ended" in answer.json()["detail"]


async def test_a_workspace_that_keeps_enough_takes_no_more(files: Files) -> None:
    quota = {"limits": {}, "storage": 1000}
    await files.api.ok(ADMIN, "PUT", "/workspaces/team/quotas/local", quota)
    own = await files.world.add(name="own", access="rw")
    workspace = own["workspace_id"]
    async with files.api.control.db.write() as session:
        use = StorageUse(
            workspace_id=workspace, owner="dora", size=2000, measured_at=files.api.control.clock()
        )
        session.add(use)
    folder = Path(files.api.control.settings.nas_root, f"{workspace}/datasets/{own['id']}/v1")
    kept = Files(files.world, own, folder)
    answer = await kept.begun("a.bin", 1)
    assert answer.status_code == 409
    assert answer.json()["code"] == "quota_exceeded"
    # A storage class is the operator's, and no part of that.
    assert (await files.begun("a.bin", 1)).status_code == 201


async def test_what_nobody_continues_for_a_day_is_given_up(files: Files) -> None:
    made = await files.begin("a.bin", 6)
    await files.put(made["id"], b"abc")
    control = files.api.control
    now = control.clock()
    await files.worker.sweep()
    assert (await files.upload(made["id"]))["state"] == "Receiving"
    control.clock = lambda: now + timedelta(hours=25)
    await files.worker.sweep()
    shown = await files.upload(made["id"])
    assert (shown["state"], shown["message"]) == (
        "Failed",
        "Nothing came for a day. Begin a new one.",
    )
    assert files.staged() == []
    control.clock = lambda: now + timedelta(hours=50)
    await files.worker.sweep()
    answer = await files.api.send("dora", "GET", f"/datasets/uploads/{made['id']}")
    assert answer.status_code == 404


async def test_what_no_row_knows_of_is_removed(files: Files) -> None:
    folder = files.api.control.settings.data / "uploads"
    folder.mkdir()
    (folder / new_id("upl")).write_bytes(b"left by a crash")
    await files.worker.sweep()
    assert list(folder.iterdir()) == []


async def test_the_running_loop_stores_what_came(files: Files) -> None:
    stored = asyncio.Event()

    async def turn() -> None:
        await files.worker.turn()
        if (files.folder / "a.bin").exists():
            stored.set()

    loop = asyncio.create_task(every(600, turn, files.api.control.wake_uploads))
    try:
        made = await files.begin("a.bin", 3)
        await files.put(made["id"], b"abc")
        async with asyncio.timeout(60):
            await stored.wait()
    finally:
        loop.cancel()
    assert (await files.upload(made["id"]))["state"] == "Done"
    assert (files.folder / "a.bin").read_bytes() == b"abc"
