"""The routes for datasets and mounts, over HTTP against a real Jupyter server."""

from __future__ import annotations

from typing import Any

import pytest
from tests.data_control import AWAY, DATASET, MOUNTED, MOUNTING, OTHER, TABLE, mount

from dsw.names import new_id

from .conftest import INSTANCE, Server, StandInControl

MOUNT = new_id("mnt")
MOUNTS = f"/instances/{INSTANCE}/mounts"


def asked(control: StandInControl) -> list[tuple[str, str]]:
    """Method and path of what reached control."""
    return [(method, path) for method, path, _ in control.calls]


def test_datasets_are_listed_narrowed_and_browsed_a_page_at_a_time(
    server: Server, control: StandInControl
) -> None:
    get = server.client.get
    page = get("dsw/api/datasets", params={"name": "imagenet", "limit": "5"}).json()
    assert [one["id"] for one in page["items"]] == [DATASET]
    assert get(f"dsw/api/datasets/{DATASET}").json()["versions"][0]["number"] == 3
    first = get(f"dsw/api/datasets/{DATASET}/files", params={"path": "train", "limit": 200}).json()
    more = {"path": "train", "limit": 200, "cursor": first["next"], "version": 3}
    rest = get(f"dsw/api/datasets/{DATASET}/files", params=more).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (200, 50, None)
    assert asked(control) == [
        ("GET", "/datasets?name=imagenet&limit=5"),
        ("GET", f"/datasets/{DATASET}"),
        ("GET", f"/datasets/{DATASET}/files?path=train&limit=200"),
        ("GET", f"/datasets/{DATASET}/files?path=train&version=3&cursor=200&limit=200"),
    ]


def test_the_number_that_lab_adds_against_caches_stays_here(
    server: Server, control: StandInControl
) -> None:
    assert server.client.get("dsw/api/mounts?1763812345").status_code == 200
    assert asked(control) == [("GET", MOUNTS)]


def test_a_preview_is_controls_answer(server: Server, control: StandInControl) -> None:
    path = f"dsw/api/datasets/{DATASET}/preview"
    assert server.client.get(path, params={"path": "labels.csv"}).json() == TABLE
    missing = server.client.get(path, params={"path": "none"})
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "name", ["a b", "a&version=9", "a?b#c", "../x", "%2e%2e", " trailing ", "猫"]
)
def test_a_files_name_is_one_parameter_whatever_is_in_it(
    server: Server, control: StandInControl, name: str
) -> None:
    control.data.previews[name] = {**TABLE, "path": name}
    got = server.client.get(f"dsw/api/datasets/{DATASET}/preview", params={"path": name})
    assert got.json()["path"] == name


@pytest.mark.parametrize(
    "path",
    [
        "datasets/{dataset}%2f..%2f{other}",
        "datasets/{dataset}/content",
        "datasets/{dataset}/uploads",
        "datasets/..%2finstances",
        "mounts/..%2f..%2f{instance}",
        "mounts/{mount}/x",
        "mounts/{dataset}",
        "mounts/MNT-AAAAAAAAAAAA",
    ],
)
def test_nothing_but_the_routes_leads_to_control(
    server: Server, control: StandInControl, path: str
) -> None:
    ids = {"dataset": DATASET, "other": OTHER, "mount": MOUNT, "instance": INSTANCE}
    path = path.format(**ids)
    for method in ("GET", "POST", "DELETE", "PUT"):
        assert server.client.request(method, f"dsw/api/{path}").status_code in (404, 405), method
    assert control.calls == []


def test_a_dataset_is_mounted_waited_for_and_unmounted(
    server: Server, control: StandInControl
) -> None:
    control.data.steps = [dict(MOUNTING), dict(MOUNTING), dict(MOUNTED)]
    wanted = {"dataset": "imagenet", "access": "rw", "keep": True}
    made = server.client.post("dsw/api/mounts", json=wanted)
    assert (made.status_code, made.json()["state"]) == (201, "Mounting")
    assert control.calls == [("POST", MOUNTS, wanted)]
    one = f"dsw/api/mounts/{made.json()['id']}"
    assert server.client.get(one).json()["percent"] == 40
    assert server.client.get(one, params={"wait": "20"}).json()["state"] == "Mounted"
    assert server.client.get("dsw/api/mounts").json()["items"][0]["name"] == "imagenet"
    assert server.client.delete(one).json()["state"] == "Unmounting"
    assert server.client.get(one, params={"wait": "20"}).json()["state"] == "Unmounted"


def test_who_holds_a_mount_is_told_and_force_is_passed_on(
    server: Server, control: StandInControl
) -> None:
    control.data.mounts = [mount(id=MOUNT)]
    control.data.holders = [{"pid": 7, "command": "bash"}]
    one = f"dsw/api/mounts/{MOUNT}"
    refused = server.client.delete(one)
    assert (refused.status_code, refused.json()["detail"]) == (409, "imagenet is in use.")
    busy = server.client.get(one, params={"wait": "20"}).json()
    assert (busy["state"], busy["reason"]) == ("Mounted", "Busy")
    assert busy["holders"] == [{"pid": 7, "command": "bash"}]
    server.client.delete(one, params={"force": "true"})
    assert ("DELETE", f"{MOUNTS}/{MOUNT}?force=true") in asked(control)
    assert server.client.get(one, params={"wait": "20"}).json()["state"] == "Unmounted"


@pytest.mark.parametrize(
    ("method", "query"),
    [("GET", "wait=-1"), ("GET", "wait=soon"), ("GET", "wait=1e9"), ("DELETE", "force=1")],
)
def test_a_parameter_that_cannot_be_is_a_sentence(
    server: Server, control: StandInControl, method: str, query: str
) -> None:
    answer = server.client.request(method, f"dsw/api/mounts/{MOUNT}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert control.calls == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body"),
        (b"[]", "the body"),
        (b"{}", "dataset"),
        (b'{"dataset": ""}', "dataset"),
        (b'{"dataset": "x", "access": "write"}', "access"),
        (b'{"dataset": "x", "name": "../usr"}', "name"),
        (b'{"dataset": "x", "target": "/usr"}', "target"),
        (b'{"dataset": "x", "instance_id": "dsw-other"}', "instance_id"),
    ],
)
def test_a_wrong_request_never_reaches_control(
    server: Server, control: StandInControl, body: bytes, says: str
) -> None:
    answer = server.client.post("dsw/api/mounts", content=body)
    assert answer.status_code == 422
    assert f"The request to mount a dataset is wrong: {says}: " in answer.json()["detail"]
    assert control.calls == []


def test_controls_refusal_is_passed_on_with_its_sentence(
    server: Server, control: StandInControl
) -> None:
    refusals: list[tuple[int, dict[str, Any]]] = [
        (403, {"code": "forbidden", "detail": "Only bob may write."}),
        (409, {"code": "conflict", "detail": "The instance is being stopped."}),
        (503, AWAY),
    ]
    for status, problem in refusals:
        control.data.refusal = {**problem, "status": status}
        answer = server.client.post("dsw/api/mounts", json={"dataset": "imagenet"})
        assert (answer.status_code, answer.json()["detail"]) == (status, problem["detail"])
