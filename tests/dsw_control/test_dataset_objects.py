"""Files of datasets in object stores, on a real server of S3's protocol."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.data_worlds import make_world
from tests.dsw_control.dataset_files import Files, sqlite_copy
from tests.object_stores import SECRET, ObjectStoreServer, object_store

from dsw.errors import Conflict
from dsw_control.auth import Caller
from dsw_control.data import object_files, upload_worker
from dsw_control.data.datasets import seen, version_of
from dsw_control.data.files import contents_of
from dsw_control.data.object_files import ObjectFiles
from dsw_control.data.places import located
from dsw_control.data.upload_worker import UploadWorker
from dsw_control.store.tables import AuditEntry, Upload

BUCKET = "pictures"
MIB = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    with object_store(tmp_path_factory.mktemp("store")) as found:
        found.bucket(BUCKET)
        yield found


@pytest.fixture
def migrated_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """One kind of database: nothing here is about it."""
    return sqlite_copy(migrated_sqlite, tmp_path)


@pytest.fixture
async def files(make_api: Any, tmp_path: Path, server: ObjectStoreServer) -> Files:
    """A dataset with a prefix of its own."""
    world = await make_world(make_api, tmp_path / "places", server.url)
    uri = f"s3://{BUCKET}/team/{tmp_path.name}"
    made = await world.add(uri=uri, access="rw", visibility="workspace", storage_class="objects")
    return Files(world, made, tmp_path / "nowhere")


def key(files: Files, path: str) -> str:
    return files.dataset["uri"].removeprefix(f"s3://{BUCKET}/") + f"/{path}"


def put(server: ObjectStoreServer, files: Files, **objects: bytes) -> None:
    for path, content in objects.items():
        server.put(BUCKET, key(files, path), content)


async def test_keys_are_listed_as_folders_and_files(
    files: Files, server: ObjectStoreServer
) -> None:
    put(server, files, **{"b.txt": b"b", "a b+c#.txt": b"ab", "z/deep/x": b"", "c/": b""})
    twin = f"{files.dataset['uri'].removeprefix(f's3://{BUCKET}/')}-secret/hidden"
    server.put(BUCKET, twin, b"")
    answer = (await files.ask("GET", "files")).json()
    assert [(item["name"], item["kind"], item["size"]) for item in answer["items"]] == [
        ("c", "folder", None),
        ("z", "folder", None),
        ("a b+c#.txt", "file", 2),
        ("b.txt", "file", 1),
    ]
    assert await files.names("z") == ["deep"]
    assert await files.names("z/deep") == ["x"]
    assert await files.names("c") == []
    assert (await files.refusal("GET", "files", path="nothing"))[0] == 404
    pages, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = (await files.ask("GET", "files", limit=1, **more)).json()
        pages += page["items"]
        if not (cursor := page["next"]):
            break
    assert pages == answer["items"]


async def test_an_object_is_downloaded_in_whole_and_in_part(
    files: Files, server: ObjectStoreServer
) -> None:
    content = os.urandom(3 * MIB)
    put(server, files, big=content, empty=b"")
    whole = await files.ask("GET", "content", path="big")
    assert whole.content == content
    assert whole.headers["content-length"] == str(len(content))
    headers = {"range": f"bytes={MIB}-", "if-range": whole.headers["etag"]}
    rest = await files.ask("GET", "content", path="big", headers=headers)
    assert (rest.status_code, rest.content) == (206, content[MIB:])
    assert (await files.ask("GET", "content", path="empty")).content == b""
    put(server, files, big=b"another")
    changed = await files.ask("GET", "content", path="big", headers=headers)
    assert (changed.status_code, changed.content) == (200, b"another")
    assert (await files.refusal("GET", "content", path="nothing"))[0] == 404


async def test_an_object_that_changes_under_a_reader_is_no_mixture(
    files: Files, server: ObjectStoreServer
) -> None:
    put(server, files, file=b"a" * 100)
    async with files.api.control.db.read() as session:
        row = await seen(session, Caller(name="dora"), files.id)
        place = await located(session, files.api.control, row, await version_of(session, row))
        contents = await contents_of(session, files.api.control, place, row.name)
    file = await contents.open("file")
    put(server, files, file=b"b" * 100)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await file.read(0, 10)


async def test_an_object_is_deleted(files: Files, server: ObjectStoreServer) -> None:
    put(server, files, **{"a.txt": b"a", "sub/b.txt": b"b"})
    assert (await files.ask("DELETE", "files", path="a.txt")).status_code == 204
    assert await files.names() == ["sub"]
    assert (await files.refusal("DELETE", "files", path="a.txt"))[0] == 404
    assert (await files.refusal("DELETE", "files", path="sub"))[0] == 404


async def test_tables_of_an_object_are_shown(files: Files, server: ObjectStoreServer) -> None:
    put(server, files, **{"a.csv": b"x,y\n1,2\n"})
    shown = (await files.ask("GET", "preview", path="a.csv")).json()
    assert (shown["columns"], shown["rows"], shown["size"]) == (["x", "y"], [["1", "2"]], 8)


async def test_an_upload_is_sent_in_parts_when_it_has_come(
    files: Files, server: ObjectStoreServer
) -> None:
    content = os.urandom(9 * MIB)
    made = await files.begin("new/a.bin", len(content))
    half = len(content) // 2
    await files.put(made["id"], content[:half])
    assert (await files.upload(made["id"]))["bytes_done"] == half
    await files.put(made["id"], content[half:], half)
    assert (await files.upload(made["id"]))["state"] == "Storing"
    assert await files.names() == []
    await files.turn()
    shown = await files.upload(made["id"])
    assert (shown["state"], shown["bytes_done"]) == ("Done", len(content))
    assert server.get(BUCKET, key(files, "new/a.bin")) == content
    assert files.staged() == []
    parts = [path for method, path in server.asked() if method == "PUT" and "partNumber" in path]
    assert len(parts) >= 2
    assert (await files.send("empty", b""))["state"] == "Done"
    assert server.get(BUCKET, key(files, "empty")) == b""


async def test_a_key_that_is_taken_is_refused_unless_it_may_be_replaced(
    files: Files, server: ObjectStoreServer
) -> None:
    put(server, files, **{"a.txt": b"old"})
    assert (await files.begun("a.txt", 3)).status_code == 409
    made = await files.begin("b.txt", 3)
    await files.put(made["id"], b"new")
    put(server, files, **{"b.txt": b"of somebody else"})
    await files.turn()
    assert (await files.upload(made["id"]))["state"] == "Failed"
    assert server.get(BUCKET, key(files, "b.txt")) == b"of somebody else"
    assert (await files.send("a.txt", b"new", overwrite=True))["state"] == "Done"
    assert server.get(BUCKET, key(files, "a.txt")) == b"new"
    assert files.staged() == []


async def test_two_uploads_to_one_key_make_one_of_them(
    files: Files, server: ObjectStoreServer
) -> None:
    made = [await files.begin("a.txt", 3) for _ in range(2)]
    for upload, content in zip(made, (b"one", b"two"), strict=True):
        await files.put(upload["id"], content)
    await files.turn()
    states = sorted([(await files.upload(each["id"]))["state"] for each in made])
    assert states == ["Done", "Failed"]


async def test_progress_is_told_and_a_cancel_is_heard_while_it_is_sent(
    files: Files, server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_worker, "TOLD", 0)
    made = await files.begin("a.bin", 12 * MIB)
    await files.put(made["id"], bytes(12 * MIB))
    told: list[int] = []
    tell = UploadWorker._tell

    async def tells(self: UploadWorker, row: Upload, sent: int) -> None:
        await tell(self, row, sent)
        told.append((await files.upload(row.id))["bytes_done"])
        if len(told) == 3:
            await files.api.ok("dora", "DELETE", f"/datasets/uploads/{row.id}")

    monkeypatch.setattr(UploadWorker, "_tell", tells)
    await files.worker.turn()
    assert told == [MIB, 2 * MIB, 3 * MIB]
    assert (await files.upload(made["id"]))["state"] == "Cancelled"
    assert await files.names() == []
    assert files.staged() == []


async def test_a_control_that_ends_while_it_sends_begins_again(
    files: Files, server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(2 * MIB)
    made = await files.begin("a.bin", len(content))
    await files.put(made["id"], content)
    sends = asyncio.Event()

    async def never(*_: Any) -> None:
        sends.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(ObjectFiles, "put", never)
        ended = asyncio.create_task(files.worker.turn())
        await sends.wait()
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
    assert (await files.upload(made["id"]))["state"] == "Storing"
    await UploadWorker(files.api.control).turn()
    assert (await files.upload(made["id"]))["state"] == "Done"
    assert server.get(BUCKET, key(files, "a.bin")) == content


async def test_a_store_that_is_away_is_tried_again_for_a_day(
    files: Files, server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await files.begin("a.bin", 3)
    await files.put(made["id"], b"abc")
    ticks = 0.0
    worker = UploadWorker(files.api.control, lambda: ticks)
    monkeypatch.setattr(object_files, "SECONDS", 0.2)
    with server.hanging():
        await worker.turn()
        shown = await files.upload(made["id"])
        assert shown["state"] == "Storing"
        assert shown["message"] == (
            "The object store of this dataset does not answer. It is tried again."
        )
        # Not at once, or it would be asked without end.
        await worker.turn()
        now = files.api.control.clock()
        ticks += 60
        files.api.control.clock = lambda: now + timedelta(days=2)
        await worker.turn()
    shown = await files.upload(made["id"])
    assert (shown["state"], "does not answer" in shown["message"]) == ("Failed", True)
    assert files.staged() == []


async def test_a_store_that_comes_back_gets_the_file(
    files: Files, server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await files.begin("a.bin", 3)
    await files.put(made["id"], b"abc")
    ticks = 0.0
    worker = UploadWorker(files.api.control, lambda: ticks)
    with monkeypatch.context() as patch, server.hanging():
        patch.setattr(object_files, "SECONDS", 0.2)
        await worker.turn()
    ticks += 60
    await worker.turn()
    shown = await files.upload(made["id"])
    assert (shown["state"], shown["message"]) == ("Done", "")
    assert server.get(BUCKET, key(files, "a.bin")) == b"abc"


async def test_a_store_that_hangs_is_told_in_time(
    files: Files, server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_files, "SECONDS", 0.2)
    with server.hanging():
        for what in ("files", "content", "preview"):
            answer = await files.ask("GET", what, path="" if what == "files" else "a")
            assert answer.status_code == 503
            assert "does not answer" in answer.json()["detail"]


async def test_a_bucket_that_is_not_there_is_told(files: Files, server: ObjectStoreServer) -> None:
    credential = await files.world.credential(host=server.url.removeprefix("http://"))
    made = await files.world.add(
        "adam",
        name="lost",
        uri="s3://no-such-bucket/x",
        storage_class="own-buckets",
        credential=credential,
    )
    lost = Files(files.world, made, files.folder)
    status, sentence = await lost.refusal("GET", "files", "adam")
    assert (status, sentence.partition(".")[0]) == (
        409,
        "The bucket of this dataset is not there",
    )


async def test_the_stores_secret_is_nowhere_to_be_read(
    files: Files, server: ObjectStoreServer, caplog: pytest.LogCaptureFixture
) -> None:
    made = await files.send("a.bin", b"abc")
    answers = [
        made,
        (await files.ask("GET", "files")).text,
        (await files.ask("GET", "preview", path="x")).text,
    ]
    async with files.api.control.db.read() as session:
        lines = [str(entry.detail) for entry in await session.scalars(select(AuditEntry))]
    assert SECRET not in str(answers) + str(lines) + caplog.text
