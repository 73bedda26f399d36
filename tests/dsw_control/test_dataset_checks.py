"""Whether a dataset can be reached is tried for real, and never tells more than why not."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.data_worlds import DataWorld, make_world
from tests.git_servers import GitServer, git_server
from tests.object_stores import ObjectStoreServer, object_store

from dsw.node_mounts import Repository
from dsw_control.data import checks
from dsw_control.data.git_check import unreadable

PASSWORD = "a-deploy-token"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    with object_store(tmp_path_factory.mktemp("store")) as server:
        server.bucket("pictures")
        server.put("pictures", "team/cats/a.jpg", "a cat")
        yield server


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "git") as server:
        yield server


@pytest.fixture
async def world(make_api: MakeApi, tmp_path: Path, store: ObjectStoreServer) -> DataWorld:
    return await make_world(make_api, tmp_path / "mnt", store.url)


async def check(world: DataWorld, name: str, uri: str, **more: Any) -> tuple[bool | None, str]:
    """What a check of a new dataset finds; it is written down."""
    made = await world.add("adam", name=name, uri=uri, **more)
    path = f"/datasets/{made['id']}"
    found = await world.api.ok("adam", "POST", f"{path}/check")
    seen = (await world.api.ok("adam", "GET", path))["versions"][0]
    assert seen == found
    assert found["check"]["at"]
    return found["check"]["reachable"], found["check"]["message"]


async def test_a_folder_is_there_or_it_is_said_why_not(world: DataWorld) -> None:
    data = world.folder / "data"
    (data / "file").write_text("text")
    (data / "out").symlink_to("/etc")
    (data / "fifo").mkdir()
    os.mkfifo(data / "fifo" / "x")
    base = f"file://{data}"
    assert await check(world, "there", f"{base}/inside") == (True, "")
    assert await check(world, "missing", f"{base}/missing") == (False, "There is no such folder.")
    assert await check(world, "file", f"{base}/file") == (False, "It is not a folder.")
    assert await check(world, "pipe", f"{base}/fifo/x") == (False, "It is not a folder.")
    reachable, why = await check(world, "away", f"{base}/out")
    assert (reachable, "A link on the way" in why) == (False, True)
    made = await world.add("adam", name="managed")
    found = await world.api.ok("adam", "POST", f"/datasets/{made['id']}/check")
    assert found["check"]["reachable"]


async def test_only_a_mount_tells_of_what_control_does_not_see(world: DataWorld) -> None:
    reachable, why = await check(world, "export", "nas://nas.example.org/vol/data/x")
    assert (reachable, "a mount shows it" in why) == (None, True)
    reachable, why = await check(world, "claim", "pvc://big-data/x")
    assert (reachable, "Kubernetes" in why) == (None, True)


async def test_a_file_server_that_hangs_keeps_nobody_waiting(
    world: DataWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[threading.Event] = []

    def hang(place: Any) -> int:
        event = threading.Event()
        waiting.append(event)
        event.wait()
        raise OSError("woken")

    monkeypatch.setattr(checks, "open_place", hang)
    monkeypatch.setattr(checks, "SECONDS", 0.1)
    uri = f"file://{world.folder}/data/inside"
    for number in range(8):
        found = await check(world, f"hangs{number}", uri)
        assert found == (False, "The file server does not answer.")
    reachable, why = await check(world, "one-more", uri)
    assert (reachable, "Other checks still wait" in why) == (None, True)
    for event in waiting:
        event.set()


async def test_a_bucket_is_listed(world: DataWorld, store: ObjectStoreServer) -> None:
    assert await check(world, "cats", "s3://pictures/team/cats") == (True, "")
    assert await check(world, "dogs", "s3://pictures/team/dogs") == (
        True,
        "There is nothing in it yet.",
    )
    # A prefix is a folder: its twin does not count.
    store.put("pictures", "team/do/x", "x")
    assert (await check(world, "ca", "s3://pictures/team/ca"))[1] == "There is nothing in it yet."
    key = await world.credential(host=store.url.removeprefix("http://"))
    reachable, why = await check(world, "gone", "s3://not-there/x", credential=key)
    assert (reachable, why) == (False, "There is no bucket 'not-there'.")


async def test_a_store_that_refuses_the_key_is_not_quoted(
    make_api: MakeApi, tmp_path: Path, host: GitServer
) -> None:
    host.refusal = "<Error><Code>AccessDenied</Code>the words of a stranger</Error>"
    world = await make_world(make_api, tmp_path / "mnt", host.url)
    found = await check(world, "cats", "s3://pictures/team/cats")
    assert found == (False, "The object store does not let us read it.")


async def test_a_store_that_does_not_answer_is_said_within_the_deadline(
    world: DataWorld, store: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "SECONDS", 1.0)
    with store.hanging():
        found = await check(world, "cats", "s3://pictures/team/cats")
    assert found == (False, "The object store does not answer.")


async def test_the_reason_is_there_when_the_key_is_not(world: DataWorld) -> None:
    (world.api.control.settings.data / "secrets" / "storage-objects").unlink()
    reachable, why = await check(world, "cats", "s3://pictures/team/cats")
    assert (reachable, "The key of the storage class 'objects' cannot be read" in why) == (
        False,
        True,
    )
    assert str(world.api.control.settings.data) not in why


async def test_a_repository_is_asked_as_a_clone_would(world: DataWorld, host: GitServer) -> None:
    url = host.repository("data", {"a.csv": "1"})
    host.tag("data", "v1")
    commit = host.commit("data", {"b.csv": "2"}, push="next")
    assert await check(world, "default", f"git+{url}") == (True, "")
    for name in ("main", "v1", "next", commit, "refs/heads/main", "refs/tags/v1", "HEAD"):
        assert await check(world, name.lower().replace("/", "-"), f"git+{url}@{name}") == (True, "")
    reachable, why = await check(world, "x", f"git+{url}@mai")
    assert (reachable, why) == (False, "The repository has no branch or tag 'mai'.")
    reachable, why = await check(world, "none", f"git+{host.url}/none.git")
    assert (reachable, "no such repository" in why) == (False, True)


async def test_only_the_named_credential_is_shown_and_only_to_its_host(
    world: DataWorld, host: GitServer, tmp_path: Path
) -> None:
    host.user, host.password = "deploy", PASSWORD
    uri = f"git+{host.repository('data', {'a': '1'})}"
    reachable, why = await check(world, "closed", uri)
    assert (reachable, "name a credential" in why) == (False, True)
    login = {"kind": "git", "host": host.host, "username": "deploy", "secret": PASSWORD}
    credential = await world.credential(**login)
    assert await check(world, "open", uri, credential=credential) == (True, "")
    with git_server(tmp_path / "elsewhere") as elsewhere:
        host.elsewhere = elsewhere.url
        reachable, why = await check(world, "away", uri, credential=credential)
        assert (reachable, "sends elsewhere" in why) == (False, True)
        assert elsewhere.asked == []
    assert PASSWORD not in why


async def test_a_host_that_sends_in_circles_is_left(world: DataWorld, host: GitServer) -> None:
    url = host.repository("data", {"a": "1"})
    host.elsewhere = host.url
    assert await check(world, "circle", f"git+{url}") == (False, "The host sends in circles.")
    assert len(host.asked) == 3


async def test_what_a_host_says_reaches_nobody(world: DataWorld, host: GitServer) -> None:
    host.refusal = "<script>the words of a stranger</script>"
    _, why = await check(world, "rude", f"git+{host.url}/data.git")
    assert why == "The host does not let us read it; name a credential whose user may."


async def test_control_is_not_sent_to_itself_or_to_where_secrets_are(
    make_api: MakeApi, tmp_path: Path, host: GitServer
) -> None:
    port = int(host.host.rpartition(":")[2])
    for section in (
        {"control": {"port": port}},
        {"hub": {"api_port": port}},
        {"hub": {"port": port}},
    ):
        settings = (await make_api()).control.settings
        name, values = next(iter(section.items()))
        changed = getattr(settings, name).model_copy(update=values)
        settings = settings.model_copy(update={name: changed})
        for address in ("127.0.0.1", "localhost", "127.9.9.9", "[::ffff:127.0.0.1]"):
            url = f"http://{address}:{port}/data.git"
            why = await unreadable(settings, Repository(url=url))
            assert "where repositories may not be" in why, url
    assert host.asked == []
    for address in ("169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200", "0.0.0.0",
                    "224.0.0.1", "[::ffff:169.254.169.254]"):  # fmt: skip
        why = await unreadable(settings, Repository(url=f"http://{address}/data.git"))
        assert "where repositories may not be" in why, address


async def test_a_check_of_what_is_no_longer_offered_says_so(
    world: DataWorld, make_api: MakeApi
) -> None:
    made = await world.add("adam", uri=f"file://{world.folder}/data/inside")
    later = DataWorld(await make_api(), world.folder)
    found = await later.api.ok("adam", "POST", f"/datasets/{made['id']}/check")
    assert not found["check"]["reachable"]
    assert "that this workspace may use" in found["check"]["message"]
    answer = await later.api.send("adam", "POST", f"/datasets/{made['id']}/check?version=2")
    assert answer.status_code == 404
