"""Requests and folders made to reach what is not theirs, and that nothing of it gets mounted."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.chain.data_beds import DataBed
from tests.polling import eventually
from tests.workbenches import User, mounted_below

pytestmark = pytest.mark.docker

ROUNDS = 60 if os.environ.get("DSW_TEST_FULL") == "1" else 4
SWAPS = 1000
"""Swaps of a folder for a link that each of the rounds sees at least."""

NUMBERS = itertools.count()

OUTSIDE = [
    "file:///",
    "file:///etc",
    "file:///var/run/docker.sock",
    "file://etc/passwd",
    "file:etc",
    "{nas}-secret",
    "{nas}-secret/deeper",
    "{nas}-theirs",
    "{nas}/..",
    "{nas}/../nas-secret",
    "{nas}/a/../../nas-secret",
    "{nas}/./a",
    "{nas}//a",
    "{nas}/%2e%2e/nas-secret",
    "{nas}/a%2fb",
    "{nas}/..\\nas-secret",
    "{nas}/nul\0/../../etc",
    "file:////etc",
    "nas://10.0.0.1/export",
    "pvc://claim/folder",
    "s3://data",
    "s3://data/team-secret",
    "s3://data/team/../other",
    "s3://data/team/%2e%2e/other",
    "s3://other/team",
    "oss://data/team",
    "git+file:///etc",
    "git+ssh://localhost/repository",
    "git+http://user:word@localhost/repository",
    "git+http://localhost/repository@--upload-pack=touch",
    "http://localhost/",
    "/etc",
    "../etc",
    "",
]
"""Addresses of what lies in no class that the workspace may use."""

TARGETS = [
    *("/", "/usr", "/usr/lib", "/etc", "/etc/passwd", "/proc", "/proc/self", "/sys", "/dev/shm"),
    *("/run/dsw", "/opt/venv", "/home", "/tmp/x", "/mnt", "/mnt/workspace", "/mnt/workspace/x"),
    *("/mnt/shared", "/mnt/dynamic", "/mnt/dynamic/x", "/mnt/data", "/mnt/data/a/b"),
    *("relative", "/data/../etc", "/data/%2e%2e/etc", "/data/a\0b", "//etc", "/data//x", "/data/."),
]

WRONG: list[dict[str, Any]] = [
    *({"dataset": "../../etc"}, {"dataset": "ds-aaaaaaaaaaaa"}, {"dataset": ""}),
    *({"name": "../escape"}, {"name": "a/b"}, {"name": "."}, {"name": "nul\0"}, {"name": ""}),
    *({"path": "/etc"}, {"target": "/etc"}, {"source": "/etc"}, {"uri": "file:///etc"}),
    *({"access": "rwx"}, {"version": 99}, {"version": -1}),
]
"""What a request for a mount must not say."""


@pytest.fixture(scope="module")
def eve(data: DataBed) -> User:
    """A developer who tries."""
    return data.bench.user("eve")


@pytest.fixture(scope="module")
def item(data: DataBed, eve: User) -> Iterator[Any]:
    """Her instance, in which nothing is mounted at the beginning."""
    made = eve.running(display_name="attacks")
    yield made
    eve.delete(made["id"])


@pytest.fixture(autouse=True)
def _unharmed(data: DataBed, eve: User, item: Any) -> Iterator[None]:
    """Whatever was tried: the container is as it was made, and nothing is mounted."""
    before = mounts_of_container(data, item)
    elsewhere = mounts_elsewhere(data)
    yield
    for mount in data.mounts_of(eve, item):
        data.unmount(eve, item, mount, force=True)
    assert mounts_of_container(data, item) == before
    eventually(lambda: data.of_instance(item) == [], 30)
    assert data.inside(item) == []
    assert mounts_elsewhere(data) == elsewhere
    assert eve.state(item["id"]) == "Running"


def mounts_of_container(data: DataBed, item: Any) -> Any:
    """What the engine says of an instance's mounts."""
    told = data.bench.inspect(item)
    mounts = sorted(told["Mounts"], key=lambda mount: str(mount["Destination"]))
    for mount in mounts:
        assert mount["Source"] not in ("/", "/etc", "/var/run/docker.sock", "/run/docker.sock")
    return json.dumps([mounts, told["HostConfig"]["Binds"]], sort_keys=True)


def mounts_elsewhere(data: DataBed) -> list[Path]:
    """What is mounted at places of the host where no helper has any business."""
    folders = ("/etc", "/usr", "/root", "/home", "/mnt", str(data.nas.parent))
    return [point for folder in folders for point in mounted_below(Path(folder))]


def refused(answer: Any, what: object = "") -> None:
    """A 4xx with a sentence."""
    assert 400 <= answer.status_code < 500, f"{what!r}: {answer.status_code} {answer.text}"
    told = answer.json()
    assert told["detail"], told
    assert "Traceback" not in answer.text


def test_no_dataset_lies_outside_the_storage_classes(data: DataBed, eve: User) -> None:
    for uri in OUTSIDE:
        body = {"name": "outside", "uri": uri.format(nas=f"file://{data.nas}")}
        refused(eve.http.post("datasets", json=body), uri)
    assert eve.get("datasets?name=outside")["items"] == []


def test_no_dataset_covers_what_is_not_its_own(data: DataBed, eve: User) -> None:
    body = {"image": eve.image(), "spec": "tiny", "start": False}
    dataset = a_folder(data, eve)
    for path in TARGETS:
        wanted = [{"dataset": dataset, "path": path}]
        refused(eve.http.post("instances", json={**body, "datasets": wanted}), path)
        refused(eve.http.post("datasets", json={"name": "target", "mount_path": path}), path)
    for pair in (("/data/a", "/data/a"), ("/data/a", "/data/a/b"), ("/data/b/c", "/data/b")):
        wanted = [{"dataset": dataset, "path": path} for path in pair]
        refused(eve.http.post("instances", json={**body, "datasets": wanted}), pair)


def test_a_mount_is_asked_for_by_id_and_by_nothing_else(
    data: DataBed, eve: User, item: Any
) -> None:
    dataset = a_folder(data, eve)
    for wrong in WRONG:
        body = {"dataset": dataset, **wrong}
        refused(eve.http.post(f"instances/{item['id']}/mounts", json=body), wrong)
    assert data.mounts_of(eve, item) == []


def test_what_is_read_only_is_not_mounted_to_write(data: DataBed, eve: User, item: Any) -> None:
    archive = data.dataset(eve, "archive", f"file://{data.nas}-archive")
    mine = a_folder(data, eve)
    admin = data.bench.admin
    theirs = data.dataset(
        admin, "theirs", data.folder("of-admin"), access="rw", visibility="workspace",
        write_roles=["admin"],
    )  # fmt: skip
    for dataset in (archive, mine, theirs):
        body = {"dataset": dataset, "access": "rw"}
        refused(eve.http.post(f"instances/{item['id']}/mounts", json=body))


def test_other_peoples_datasets_and_instances_are_not_there(
    data: DataBed, eve: User, item: Any
) -> None:
    admin = data.bench.admin
    private = data.dataset(admin, "private", data.folder("private"))
    body = {"name": "fenced", "owner": "mallory"}
    assert admin.http.post("workspaces", json=body).status_code in (201, 409)
    mallory = data.bench.user("mallory")
    other = data.dataset(mallory, "other", data.folder("other"), workspace="fenced")
    mine = a_folder(data, eve)
    path = f"instances/{item['id']}/mounts"
    for dataset in (private, other):
        answer = eve.http.post(path, json={"dataset": dataset})
        assert answer.status_code == 404, answer.text
        assert eve.http.get(f"datasets/{dataset}").status_code == 404
    assert mallory.http.post(path, json={"dataset": other}).status_code == 404
    assert mallory.http.get(path).status_code == 404
    mount = data.mount(eve, item, mine)
    assert mallory.http.delete(f"{path}/{mount['id']}").status_code == 404
    assert mount["target"] in data.inside(item)


@pytest.mark.parametrize("path", ["linked", "linked/ssl", "up/nas-secret"])
def test_a_link_on_the_nas_leads_nowhere(data: DataBed, eve: User, item: Any, path: str) -> None:
    for name, target in (("linked", "/etc"), ("up", "..")):
        if not (data.nas / name).is_symlink():
            (data.nas / name).symlink_to(target)
    name = path.replace("/", "-")
    dataset = data.dataset(eve, name, f"file://{data.nas}/{path}")
    failed = data.wait(eve, item, data.ask(eve, item, dataset), "Failed")
    assert failed["message"].endswith(".")
    checked = eve.http.post(f"datasets/{dataset}/check").json()["check"]
    assert checked["reachable"] is False
    refused(eve.http.get(f"datasets/{dataset}/files"))


@contextmanager
def swapping(path: Path, target: str) -> Iterator[list[int]]:
    """A folder is swapped for a link to `target` and back as fast as it goes; gives the count."""
    real, link = path.with_name(f"{path.name}-real"), path.with_name(f"{path.name}-link")
    link.symlink_to(target)
    count, ended = [0], threading.Event()

    def swap() -> None:
        while not ended.is_set():
            path.rename(real)
            link.rename(path)
            path.rename(link)
            real.rename(path)
            count[0] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield count
    finally:
        ended.set()
        thread.join()


def test_a_folder_swapped_for_a_link_in_a_race_never_leads_out(
    data: DataBed, eve: User, item: Any
) -> None:
    uri = data.folder("raced", marker="mine")
    dataset = data.dataset(eve, f"raced-{next(NUMBERS)}", uri)
    outcomes = set()
    with swapping(data.nas / "raced", "/etc") as count:
        for _ in range(ROUNDS):
            begin = count[0]
            mount = data.ask(eve, item, dataset, name="raced")
            path = f"instances/{item['id']}/mounts/{mount}"
            ended = eventually(lambda path=path: settled(eve, path), 60)
            outcomes.add(ended["state"])
            seen = data.attempt(item, "ls", "-A", "/mnt/dynamic/raced")
            assert "passwd" not in seen
            if ended["state"] == "Mounted":
                assert seen.strip() == "marker"
                data.unmount(eve, item, ended, force=True)
            else:
                assert eve.http.delete(path).status_code == 202
            eventually(lambda begin=begin: count[0] - begin >= SWAPS, 30)
    assert outcomes <= {"Mounted", "Failed", "Degraded"}


def settled(user: User, path: str) -> Any:
    """A mount once it is there, or is said not to be."""
    seen = user.get(path)
    return seen if seen["state"] in ("Mounted", "Failed", "Degraded") else None


@pytest.mark.parametrize("target", ["/usr", "/etc", "/proc", "/mnt/workspace", "../.."])
def test_a_link_that_root_planted_inside_is_not_followed(
    data: DataBed, eve: User, item: Any, target: str
) -> None:
    data.attempt(item, "ln", "-sfn", target, "/mnt/dynamic/planted")
    dataset = a_folder(data, eve)
    mount = data.ask(eve, item, dataset, name="planted")
    path = f"instances/{item['id']}/mounts/{mount}"
    ended = eventually(lambda: settled(eve, path), 60)
    if ended["state"] == "Mounted":
        assert data.read(item, "/mnt/dynamic/planted/marker") == "mine"
        assert data.inside(item) == ["/mnt/dynamic/planted"]
    else:
        assert data.inside(item) == []
        assert ended["message"].endswith(".")
    data.attempt(item, "rm", "-f", "/mnt/dynamic/planted")


def a_folder(data: DataBed, user: User) -> str:
    """The id of a harmless dataset."""
    found = user.get("datasets?name=harmless")["items"]
    if found:
        return str(found[0]["id"])
    return data.dataset(user, "harmless", data.folder("harmless", marker="mine"))
