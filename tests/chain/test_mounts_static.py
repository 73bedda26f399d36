"""Datasets that an instance has from its start, over stops, starts and its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.chain.data_beds import DataBed
from tests.polling import eventually
from tests.workbenches import User

pytestmark = pytest.mark.docker

READ_ONLY = "Read-only file system"
WITHIN = 30
"""Seconds in which a start says that a dataset cannot be reached, beside what a start takes."""


@pytest.fixture(scope="module")
def ida(data: DataBed) -> User:
    """The owner of datasets and instances."""
    return data.bench.user("ida")


@pytest.fixture(autouse=True)
def _clean(data: DataBed, ida: User) -> Iterator[None]:
    yield
    for item in ida.get("instances")["items"]:
        ida.delete(item["id"])
    data.nothing_left()


@pytest.fixture(scope="module")
def corpus(data: DataBed, ida: User) -> str:
    """A folder that its owner may write, with a place of its own in instances."""
    uri = data.folder("corpus", text="words\n")
    return data.dataset(ida, "corpus", uri, access="rw", mount_path="/data/corpus")


@pytest.fixture(scope="module")
def faces(data: DataBed, ida: User) -> str:
    """A dataset in the object store."""
    return data.dataset(ida, "faces", data.objects("faces", ann="smile"))


def test_datasets_are_there_from_the_start_and_come_back_after_a_stop(
    data: DataBed, ida: User, corpus: str, faces: str
) -> None:
    wanted = [
        {"dataset": "corpus"},
        {"dataset": corpus, "path": "/mnt/data/written", "access": "rw"},
        {"dataset": "faces"},
    ]
    item = ida.running(display_name="static", datasets=wanted)
    assert item["state"] == "Running", ida.story(item["id"])
    check_static(data, item)
    mounts = {each["target"]: each for each in data.mounts_of(ida, item)}
    assert {each["state"] for each in mounts.values()} == {"Mounted"}
    assert {each["kind"] for each in mounts.values()} == {"static"}
    assert set(mounts) == {"/data/corpus", "/mnt/data/written", "/mnt/data/faces"}
    kept = data.mount(ida, item, "faces", name="kept", keep=True)
    data.mount(ida, item, "corpus", name="gone")
    assert ida.get(f"datasets/{corpus}/usage")["instances"] == [f"ida/{item['name']}"]

    ida.http.post(f"instances/{item['id']}/stop")
    ida.wait(item["id"], "Stopped")
    data.nothing_left()
    states = {each["target"]: each["state"] for each in data.mounts_of(ida, item)}
    assert states == dict.fromkeys([*mounts, kept["target"]], "Unmounted")

    (data.nas / "corpus" / "text").write_text("words\n")
    ida.http.post(f"instances/{item['id']}/start")
    item = ida.wait(item["id"], "Running", "Failed")
    check_static(data, item)
    eventually(lambda: kept["target"] in data.inside(item), 30)
    assert data.read(item, f"{kept['target']}/ann") == "smile"
    assert "/mnt/dynamic/gone" not in data.inside(item)

    shared = data.shared / "instances" / item["id"]
    assert shared.is_dir()
    ida.delete(item["id"])
    data.nothing_left()
    eventually(lambda: not shared.exists(), 90)
    assert (data.nas / "corpus" / "text").read_text() == "words\nmore\n"


def check_static(data: DataBed, item: Any) -> None:
    """What is mounted at the start, and how."""
    assert data.read(item, "/data/corpus/text") == "words\n"
    assert data.read(item, "/mnt/data/faces/ann") == "smile"
    for path in ("/data/corpus/text", "/mnt/data/faces/ann", "/mnt/data/faces/new"):
        assert READ_ONLY in data.attempt(item, "touch", path), path
    data.bench.execute(item, "sh", "-c", "echo more >> /mnt/data/written/text")
    assert (data.nas / "corpus" / "text").read_text() == "words\nmore\n"


def test_a_dataset_that_cannot_be_reached_fails_the_start_and_is_named(
    data: DataBed, ida: User, faces: str
) -> None:
    with data.store.hanging():
        item = ida.create(display_name="no way", datasets=[{"dataset": "faces"}])
        failed = ida.wait(item["id"], "Failed", timeout=WITHIN + 15)
    assert failed["reason"] == "DatasetUnreachable"
    assert "faces" in failed["message"]
    assert failed["message"].endswith(".")
    assert data.bench.containers() == []
    data.nothing_left()
    ida.http.post(f"instances/{item['id']}/start")
    assert ida.wait(item["id"], "Running", "Failed")["state"] == "Running"
    assert data.read(item, "/mnt/data/faces/ann") == "smile"


def test_by_policy_it_starts_without_and_the_dataset_comes_later(data: DataBed, ida: User) -> None:
    body = {"name": "patient", "owner": "ida", "policy": {"data": {"unreachable": "degraded"}}}
    assert data.bench.admin.http.post("workspaces", json=body).status_code == 201
    uri = data.objects("late", file="there")
    data.dataset(ida, "late", uri, workspace="patient")
    with data.store.hanging():
        wanted = [{"dataset": "late"}]
        item = ida.create(display_name="meanwhile", workspace="patient", datasets=wanted)
        item = ida.wait(item["id"], "Running", "Failed", timeout=WITHIN + 30)
        assert item["state"] == "Running", ida.story(item["id"])
        (mount,) = data.mounts_of(ida, item)
        assert (mount["state"], mount["dataset_name"]) == ("Degraded", "late")
        assert "does not answer" in mount["message"]
    data.wait(ida, item, mount["id"], "Mounted")
    assert data.read(item, "/mnt/data/late/file") == "there"
