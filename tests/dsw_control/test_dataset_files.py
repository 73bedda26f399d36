"""Files of datasets in folders: listed, shown, downloaded and deleted by those who may."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.data_worlds import make_world
from tests.dsw_control.dataset_files import Files, host_files, sqlite_copy
from tests.dsw_control.teams import audited, create
from tests.stub_hub import instance_token


@pytest.fixture
def migrated_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """One kind of database: nothing here is about it."""
    return sqlite_copy(migrated_sqlite, tmp_path)


@pytest.fixture
async def files(make_api: Any, tmp_path: Path) -> Files:
    return await host_files(await make_world(make_api, tmp_path / "places"))


async def test_folders_come_first_then_names_in_their_order(files: Files) -> None:
    for name in ("b.txt", "a.txt", "Z.txt", "ü.txt"):
        (files.folder / name).write_text("x")
    (files.folder / "z").mkdir()
    (files.folder / "c").mkdir()
    (files.folder / "link").symlink_to("a.txt")
    os.mkfifo(files.folder / "pipe")
    answer = (await files.ask("GET", "files")).json()
    assert [(item["name"], item["kind"]) for item in answer["items"]] == [
        ("c", "folder"),
        ("z", "folder"),
        ("Z.txt", "file"),
        ("a.txt", "file"),
        ("b.txt", "file"),
        ("link", "link"),
        ("pipe", "other"),
        ("ü.txt", "file"),
    ]
    assert answer["next"] is None
    entry = answer["items"][3]
    assert (entry["path"], entry["size"]) == ("a.txt", 1)
    assert entry["modified_at"]


async def test_pages_neither_repeat_nor_hide_while_the_folder_changes(files: Files) -> None:
    for number in range(0, 20, 2):
        (files.folder / f"{number:02}").write_text("")
    first = (await files.ask("GET", "files", limit=4)).json()
    assert [item["name"] for item in first["items"]] == ["00", "02", "04", "06"]
    (files.folder / "02").unlink()
    (files.folder / "06").unlink()
    (files.folder / "03").write_text("")
    (files.folder / "09").write_text("")
    second = await files.names(limit=4, cursor=first["next"])
    assert second == ["08", "09", "10", "12"]


async def test_a_cursor_of_another_folder_is_refused(files: Files) -> None:
    (files.folder / "sub").mkdir()
    for name in ("a", "b", "sub/a", "sub/b"):
        (files.folder / name).write_text("")
    cursor = (await files.ask("GET", "files", limit=1)).json()["next"]
    status, sentence = await files.refusal("GET", "files", path="sub", cursor=cursor)
    assert (status, sentence.partition(".")[0]) == (422, "The cursor is not one of this folder")


async def test_names_that_no_request_may_have_are_shown_and_not_offered(files: Files) -> None:
    for name in (b"\xff\xfe", b"line\nbreak", b"back\\slash", b"100%"):
        os.close(os.open(os.fsencode(files.folder) + b"/" + name, os.O_CREAT))
    items = (await files.ask("GET", "files")).json()["items"]
    assert {item["kind"] for item in items} == {"other"}
    assert "\ufffd\ufffd" in {item["name"] for item in items}
    # Reading page by page comes past them, too.
    seen, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = (await files.ask("GET", "files", limit=1, **more)).json()
        seen += page["items"]
        if not (cursor := page["next"]):
            break
    assert seen == items


async def test_a_file_is_downloaded_and_never_shown_as_a_page(files: Files) -> None:
    for name in ("page.html", "drawing.svg"):
        (files.folder / name).write_text("<svg onload='alert(1)'></svg>")
        for inline in ("false", "true"):
            answer = await files.ask("GET", "content", path=name, inline=inline)
            assert answer.content == b"<svg onload='alert(1)'></svg>"
            headers = answer.headers
            assert headers["content-type"] == "application/octet-stream"
            assert headers["content-disposition"].startswith("attachment; ")
            assert headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in headers["content-security-policy"]


async def test_pictures_alone_are_shown_inline_whatever_their_name(files: Files) -> None:
    (files.folder / "real.html").write_bytes(b"\x89PNG\r\n\x1a\n....")
    (files.folder / "fake.png").write_text("<html>")
    real = await files.ask("GET", "content", path="real.html", inline="true")
    assert real.headers["content-type"] == "image/png"
    assert real.headers["content-disposition"].startswith("inline; ")
    fake = await files.ask("GET", "content", path="fake.png", inline="true")
    assert fake.headers["content-type"] == "application/octet-stream"
    assert fake.headers["content-disposition"].startswith("attachment; ")


async def test_a_download_goes_on_where_it_broke(files: Files) -> None:
    content = os.urandom(3_000_000)
    (files.folder / "big").write_bytes(content)
    whole = await files.ask("GET", "content", path="big")
    assert whole.content == content
    tag = {"if-range": whole.headers["etag"]}
    rest = await files.ask("GET", "content", path="big", headers=tag | {"range": "bytes=1000000-"})
    assert (rest.status_code, rest.content) == (206, content[1_000_000:])
    assert rest.headers["content-range"] == "bytes 1000000-2999999/3000000"
    last = await files.ask("GET", "content", path="big", headers={"range": "bytes=-5"})
    assert last.content == content[-5:]
    beyond = await files.ask("GET", "content", path="big", headers={"range": "bytes=3000000-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == "bytes */3000000"
    (files.folder / "big").write_bytes(b"another")
    changed = await files.ask("GET", "content", path="big", headers=tag | {"range": "bytes=3-"})
    assert (changed.status_code, changed.content) == (200, b"another")


async def test_an_empty_file_is_downloaded(files: Files) -> None:
    (files.folder / "empty").write_bytes(b"")
    answer = await files.ask("GET", "content", path="empty")
    assert (answer.status_code, answer.content) == (200, b"")
    answer = await files.ask("GET", "content", path="empty", headers={"range": "bytes=0-"})
    assert answer.status_code == 416


async def test_what_is_no_file_has_no_content(files: Files) -> None:
    (files.folder / "sub").mkdir()
    os.mkfifo(files.folder / "pipe")
    os.mknod(files.folder / "device", 0o20666, os.makedev(1, 3)) if os.geteuid() == 0 else None
    for name, word in (("sub", "a folder"), ("pipe", "no file")):
        status, sentence = await files.refusal("GET", "content", path=name)
        assert status == 409
        assert word in sentence
    if os.geteuid() == 0:
        assert (await files.refusal("GET", "content", path="device"))[0] == 409
    assert (await files.refusal("GET", "content", path="nothing"))[0] == 404
    assert (await files.refusal("GET", "preview", path="nothing"))[0] == 404
    assert (await files.refusal("GET", "files", path="nothing"))[0] == 404


async def test_files_links_and_empty_folders_are_deleted_and_written_down(files: Files) -> None:
    for name in ("empty", "full"):
        (files.folder / name).mkdir()
    (files.folder / "full" / "one.txt").write_text("")
    (files.folder / "link").symlink_to("full/one.txt")
    for path in ("link", "empty"):
        assert (await files.ask("DELETE", "files", path=path)).status_code == 204
    status, sentence = await files.refusal("DELETE", "files", path="full")
    assert status == 409
    assert "files in it" in sentence
    assert (await files.ask("DELETE", "files", path="full/one.txt")).status_code == 204
    assert [path.name for path in files.folder.iterdir()] == ["full"]
    lines = await audited(files.api, "dataset.write")
    assert [line.detail["path"] for line in lines] == ["link", "empty", "full/one.txt"]
    status, _ = await files.refusal("DELETE", "files", path="")
    assert status == 422
    assert files.folder.is_dir()


async def test_another_version_has_other_files(files: Files) -> None:
    (files.folder / "old.txt").write_text("")
    other = files.world.folder / "data" / "newer"
    other.mkdir()
    (other / "new.txt").write_text("new")
    body = {"uri": f"file://{other}"}
    await files.api.ok("dora", "POST", f"{files.api_root}/versions", body)
    assert await files.names() == ["new.txt"]
    assert await files.names(version=1) == ["old.txt"]
    assert (await files.refusal("GET", "files", version=3))[0] == 404
    assert (await files.ask("GET", "content", path="new.txt", version=1)).status_code == 404


async def test_who_reads_and_who_changes(files: Files) -> None:
    (files.folder / "a.txt").write_text("a")
    assert await files.names(who="gina") == ["a.txt"]
    assert (await files.ask("GET", "content", "gina", path="a.txt")).text == "a"
    for who in ("gina", "dave", "lara"):
        status, _ = await files.refusal("DELETE", "files", who, path="a.txt")
        assert status == 403
        assert (await files.begun("b.txt", 1, who)).status_code == 403
    assert (await files.ask("DELETE", "files", "adam", path="a.txt")).status_code == 204
    roles = {"write_roles": ["labeler"]}
    await files.api.ok("dora", "PATCH", files.api_root, roles)
    assert (await files.begun("b.txt", 1, "lara")).status_code == 201
    assert (await files.begun("b.txt", 1, "adam")).status_code == 403


async def test_read_only_datasets_and_storages_are_not_changed(files: Files) -> None:
    (files.folder / "a.txt").write_text("a")
    await files.api.ok("dora", "PATCH", files.api_root, {"access": "ro"})
    assert (await files.refusal("DELETE", "files", path="a.txt"))[0] == 403
    archive = await files.world.add(
        name="kept", uri=f"file://{files.world.folder}/archive/inside", access="ro"
    )
    kept = Files(files.world, archive, files.world.folder / "archive" / "inside")
    (kept.folder / "a.txt").write_text("a")
    assert await kept.names() == ["a.txt"]
    assert (await kept.refusal("DELETE", "files", path="a.txt"))[0] == 403
    assert (kept.folder / "a.txt").exists()


async def test_what_others_may_not_see_is_not_there_for_them(files: Files) -> None:
    (files.folder / "a.txt").write_text("a")
    await files.api.ok("dora", "PATCH", files.api_root, {"visibility": "private"})
    asked = [("GET", "files"), ("GET", "preview"), ("GET", "content"), ("DELETE", "files")]
    for method, what in asked:
        for who in ("dave", "stranger"):
            status, sentence = await files.refusal(method, what, who, path="a.txt")
            assert status == 404
            assert "There is no dataset" in sentence
    assert (await files.begun("b.txt", 1, "dave")).status_code == 404
    assert await files.names(who="adam") == ["a.txt"]


async def test_an_instance_lists_and_previews_and_does_no_more(files: Files) -> None:
    (files.folder / "a.txt").write_text("a")
    made = await create(files.api, "dora", start=False)
    inside: Any = instance_token("dora", made["name"])
    assert await files.names(who=inside) == ["a.txt"]
    assert (await files.ask("GET", "preview", inside, path="a.txt")).json()["text"] == "a"
    assert (await files.refusal("GET", "content", inside, path="a.txt"))[0] == 403
    assert (await files.refusal("DELETE", "files", inside, path="a.txt"))[0] == 403
    assert (await files.begun("b.txt", 1, inside)).status_code == 403
    upload = await files.begin("c.txt", 1)
    for method in ("GET", "DELETE"):
        answer = await files.api.send(inside, method, f"/datasets/uploads/{upload['id']}")
        assert answer.status_code in (403, 404)
    assert (await files.api.send(inside, "GET", "/datasets/uploads")).status_code == 403


@pytest.mark.parametrize(
    ("uri", "word"),
    [
        ("git+https://git.example.org/pets.git", "git repository"),
        ("nas://nas.example.org/vol/data/pets", "NFS server"),
    ],
)
async def test_places_that_control_does_not_reach_say_so(files: Files, uri: str, word: str) -> None:
    made = await files.world.add(name="far", uri=uri)
    far = Files(files.world, made, files.folder)
    for what in ("files", "preview", "content"):
        status, sentence = await far.refusal("GET", what, path="a.txt")
        assert status == 409
        assert word in sentence
        assert "Mount it in an instance" in sentence


async def test_files_of_a_retired_dataset_are_left_alone(files: Files) -> None:
    (files.folder / "a.txt").write_text("a")
    await files.api.ok("dora", "DELETE", files.api_root)
    for method, what in (("GET", "files"), ("GET", "content"), ("DELETE", "files")):
        status, sentence = await files.refusal(method, what, path="a.txt")
        assert (status, "retired" in sentence) == (409, True)


async def test_a_folder_that_is_gone_is_told(files: Files) -> None:
    files.folder.rmdir()
    status, sentence = await files.refusal("GET", "files")
    assert status == 409
    assert sentence.startswith("The folder of this dataset cannot be opened: No such file")
