"""Paths, links and names that try to leave a dataset: nothing outside is read, written or named."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.dsw_control.data_worlds import make_world
from tests.dsw_control.dataset_files import Files, host_files, sqlite_copy
from tests.stub_hub import user_token

from dsw_control.data import folder_files
from dsw_control.store.tables import Upload

SECRET = "outside of the dataset"
RACES = 1000 if os.environ.get("DSW_TEST_FULL") else 40


@pytest.fixture
def migrated_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """One kind of database: nothing here is about it."""
    return sqlite_copy(migrated_sqlite, tmp_path)


@pytest.fixture
async def files(make_api: Any, tmp_path: Path) -> Files:
    """A dataset with a file, and secrets all around it."""
    files = await host_files(await make_world(make_api, tmp_path / "places"))
    (files.folder / "a.txt").write_text("inside")
    (files.folder / "sub").mkdir()
    places = files.world.folder
    for folder in (places, places / "data", places / "data" / "inside-secret", places / "blue"):
        folder.mkdir(exist_ok=True)
        (folder / "secret.txt").write_text(SECRET)
    return files


def around(files: Files) -> list[str]:
    """All files that are not in the dataset."""
    found = [path for path in files.world.folder.rglob("*") if not path.is_symlink()]
    return sorted(str(path) for path in found if not path.is_relative_to(files.folder))


LEADS_OUT = [
    "..",
    "../secret.txt",
    "sub/../../secret.txt",
    "a/../../b",
    "../inside-secret/secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "./a.txt",
    "sub//x",
    "sub/./x",
    "%2e%2e/secret.txt",
    "..%2fsecret.txt",
    "%252e%252e/secret.txt",
    "..\\secret.txt",
    "a.txt\0.png",
    "\0",
    "a\nb",
    "\ud800",
    "x" * 300,
    "/".join(["x" * 200] * 6),
]


@pytest.mark.parametrize("path", LEADS_OUT)
async def test_no_path_leads_out_of_the_dataset(files: Files, path: str) -> None:
    before = around(files)
    asked = quote(path.encode("utf-8", "surrogatepass"), safe="")
    for method, what in (
        ("GET", "files"),
        ("GET", "preview"),
        ("GET", "content"),
        ("DELETE", "files"),
    ):
        url = f"{files.api_root}/{what}?path={asked}"
        answer = await files.api.send("dora", method, url)
        assert answer.status_code in (404, 409, 422), (what, answer.text)
        assert SECRET not in answer.text
    body = f'{{"path": {json.dumps(path)}, "size": 1}}'
    answer = await _post(files, body)
    assert answer.status_code in (409, 422), answer.text
    assert around(files) == before
    assert sorted(path.name for path in files.folder.iterdir()) == ["a.txt", "sub"]


async def _post(files: Files, body: str) -> Any:
    headers = user_token("dora") | {"content-type": "application/json"}
    url = f"{files.api.root}{files.api_root}/uploads"
    return await files.api._http.post(url, content=body, headers=headers)


@pytest.mark.parametrize(
    "target", ["/etc", "../inside-secret", "../../blue", "/proc/self/root/etc"]
)
async def test_no_link_is_followed_out_of_the_dataset(files: Files, target: str) -> None:
    before = around(files)
    (files.folder / "out").symlink_to(target)
    (files.folder / "file").symlink_to(f"{target}/secret.txt")
    items = (await files.ask("GET", "files")).json()["items"]
    assert {item["name"] for item in items if item["kind"] == "link"} == {"out", "file"}
    for path in ("out", "out/secret.txt", "out/passwd", "file"):
        for what in ("files", "preview", "content"):
            status, sentence = await files.refusal("GET", what, path=path)
            assert status in (404, 409), sentence
            assert SECRET not in sentence
    assert (await files.refusal("DELETE", "files", path="out/secret.txt"))[0] in (404, 409)
    for path in ("out/new.txt", "out/deep/new.txt"):
        answer = await files.begun(path, 1)
        if answer.status_code == 201:
            answer = await files.put(answer.json()["id"], b"x")
        assert answer.status_code in (404, 409), answer.text
    assert around(files) == before
    assert not (files.folder.parent / "inside-secret" / "deep").exists()


async def test_a_link_in_the_place_of_the_target_is_replaced_and_not_followed(
    files: Files,
) -> None:
    outside = files.world.folder / "data" / "secret.txt"
    (files.folder / "link").symlink_to(outside)
    assert (await files.begun("link", 3)).status_code == 409
    assert (await files.send("link", b"new", overwrite=True))["state"] == "Done"
    assert outside.read_text() == SECRET
    assert not (files.folder / "link").is_symlink()
    assert (files.folder / "link").read_text() == "new"


async def test_bytes_of_an_upload_go_into_no_link_that_took_its_place(files: Files) -> None:
    outside = files.world.folder / "data" / "secret.txt"
    made = await files.begin("a.bin", 6)
    await files.put(made["id"], b"abc")
    staged = next(files.folder.glob(".dsw-upload-*"))
    staged.unlink()
    for swap in (lambda: staged.symlink_to(outside), lambda: os.mkfifo(staged)):
        swap()
        answer = await files.put(made["id"], b"def", 3)
        assert answer.status_code == 409
        staged.unlink()
    staged.symlink_to(outside)
    async with files.api.control.db.write() as session:
        (await session.get_one(Upload, made["id"])).state = "Storing"
    await files.turn()
    assert (await files.upload(made["id"]))["state"] == "Failed"
    assert outside.read_text() == SECRET
    assert not (files.folder / "a.bin").exists()


async def test_hidden_files_of_uploads_are_no_files_of_the_dataset(files: Files) -> None:
    made = await files.begin("a.bin", 6)
    await files.put(made["id"], b"abc")
    assert await files.names() == ["sub", "a.txt"]
    answer = await files.begun(f".dsw-upload-{made['id']}", 1, overwrite=True)
    assert answer.status_code == 422


@contextmanager
def swapping(turn: Callable[[], None]) -> Iterator[None]:
    """Somebody who has the dataset mounted does this as fast as they can."""
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            turn()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _exchange(one: Path, two: Path) -> None:
    """Each gets the other's name, in one step."""
    exchange = 2
    names = os.fsencode(one), os.fsencode(two)
    assert ctypes.CDLL(None).renameat2(-100, names[0], -100, names[1], exchange) == 0


async def test_a_link_swapped_in_a_race_is_never_followed(files: Files) -> None:
    folder, outside = files.folder / "sub", files.world.folder / "data" / "inside-secret"
    (folder / "secret.txt").write_text("inside")
    link = files.folder / "link"
    link.symlink_to(outside)
    before = around(files)

    def swap() -> None:
        _exchange(folder, link)

    with swapping(swap):
        for number in range(RACES):
            answer = await files.ask("GET", "content", path="sub/secret.txt")
            assert SECRET not in answer.text
            answer = await files.begun(f"sub/{number}.txt", 1)
            if answer.status_code == 201:
                await files.put(answer.json()["id"], b"x")
                await files.turn()
                path = f"/datasets/uploads/{answer.json()['id']}"
                await files.api.send("dora", "DELETE", path)
    await files.turn()
    assert around(files) == before
    assert (outside / "secret.txt").read_text() == SECRET


async def test_another_workspaces_dataset_is_not_there(files: Files) -> None:
    made = await files.api.ok("olga", "POST", "/datasets", {"workspace": "blue", "name": "theirs"})
    theirs = Files(files.world, made, files.folder)
    asked = [("GET", "files"), ("GET", "preview"), ("GET", "content"), ("DELETE", "files")]
    for method, what in asked:
        status, sentence = await theirs.refusal(method, what, path="a.txt")
        assert (status, "There is no dataset" in sentence) == (404, True)
    assert (await theirs.begun("a.txt", 1)).status_code == 404
    assert (files.folder / "a.txt").read_text() == "inside"


@pytest.mark.parametrize("name", ['a"b.html', "semi;colon.svg", "grün 日本.txt", "a'b.txt"])
async def test_odd_names_stay_in_their_header(files: Files, name: str) -> None:
    await files.send(name, b"<script>")
    answer = await files.ask("GET", "content", path=name)
    assert answer.content == b"<script>"
    header = answer.headers["content-disposition"]
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2
    assert header.endswith(f"filename*=UTF-8''{quote(name, safe='')}")
    assert "set-cookie" not in answer.headers


async def test_a_length_that_lies_changes_nothing(files: Files) -> None:
    made = await files.begin("a.bin", 4)
    answer = await files.put(made["id"], b"12", **{"content-length": "5"})
    assert answer.status_code == 422
    for length in ("-1", "x", "9" * 40, "1"):
        answer = await files.put(made["id"], b"12345", **{"content-length": length})
        assert answer.status_code == 422
    assert (await files.upload(made["id"]))["bytes_done"] == 0
    offset = await files.put(made["id"], b"1", 2**62)
    assert offset.status_code in (409, 422)
    assert (await files.put(made["id"], b"1", 2**70)).status_code in (409, 422)


async def test_a_storage_that_hangs_stops_nobody_else(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(folder_files, "SECONDS", 0.2)

    def hangs(*_: Any) -> int:
        go_on.wait()
        raise OSError

    try:
        with monkeypatch.context() as patch:
            patch.setattr(folder_files.places, "open_place", hangs)
            asked = [files.ask("GET", "files") for _ in range(5)]
            answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {503}
        assert "does not answer" in answers[0].json()["detail"]
        assert await asyncio.to_thread(lambda: "others go on") == "others go on"
    finally:
        go_on.set()
