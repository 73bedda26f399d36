"""Wrong input is answered with what is wrong and what is allowed, and changes nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.workbenches import TestBench, User

pytestmark = pytest.mark.docker


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"image": "img-aaaaaaaaaaaa"}, 404, "There is no image"),
        ({"image": "debian:bookworm"}, 422, "image: String should match pattern"),
        ({"image": "../../etc/passwd"}, 422, "image: String should match pattern"),
        ({"spec": "enormous"}, 422, "Choose one of: tiny, small, roomy, gpu."),
        ({"workspace": "nowhere"}, 404, "There is no workspace 'nowhere'"),
        ({"spec": "gpu"}, 409, "1 GPU asked for, but at most 0 in resource group local."),
        ({"name": "a" * 300}, 422, "1 to 30 characters"),
        ({"name": "a/b"}, 422, "1 to 30 characters"),
        ({"name": "Train"}, 422, "1 to 30 characters"),
        ({"name": "训练"}, 422, "1 to 30 characters"),
        ({"name": "../x"}, 422, "1 to 30 characters"),
        ({"display_name": "x" * 300}, 422, "display_name: String should have at most 100"),
        ({"display_name": "a\x00b"}, 422, "display_name"),
        ({"volumes": {"/": "/host"}}, 422, "volumes: this key is not known here."),
        ({"environment": {"LD_PRELOAD": "x"}}, 422, "environment: this key is not known here."),
    ],
)
def test_a_wrong_instance_is_refused(
    alice: User, change: dict[str, Any], status: int, sentence: str
) -> None:
    body = {"display_name": "x", "image": alice.image(), "spec": "tiny", **change}
    answer = alice.http.post("instances", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert sentence in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert alice.get("instances")["items"] == []


def test_an_image_that_the_engine_lacks_is_refused(alice: User) -> None:
    body = {"display_name": "x", "image": alice.image("missing"), "spec": "tiny"}
    answer = alice.http.post("instances", json=body)
    assert answer.status_code == 422
    assert "dsw images build" in answer.json()["detail"]


def test_a_name_is_used_once_per_owner(alice: User) -> None:
    alice.create(name="once", start=False)
    body = {"name": "once", "image": alice.image(), "spec": "tiny"}
    assert alice.http.post("instances", json=body).status_code == 409


def test_the_limit_of_running_instances_is_named(alice: User) -> None:
    for _ in range(7):
        alice.create(display_name="many", start=False)
    ids = [item["id"] for item in alice.get("instances")["items"]]
    how = {"queue": False}
    answers = [alice.http.post(f"instances/{one}/start", json=how) for one in ids]
    assert [answer.status_code for answer in answers] == [202] * 6 + [409]
    assert (
        "1 running instance for each member in local; 0 of 6 free" in answers[-1].json()["detail"]
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"image": "debian:bookworm"}, "image"),
        ({"volumes": ["/:/host"]}, "volumes"),
        ({"spec": "enormous"}, "Choose one of"),
        ({"workspace": "nowhere"}, "There is no workspace"),
        ({"image": "img-aaaaaaaaaaaa"}, "There is no image"),
    ],
)
def test_user_options_on_the_hubs_own_road_are_a_closed_schema(
    workbench: TestBench, alice: User, options: dict[str, Any], sentence: str
) -> None:
    answer = httpx.post(
        f"{workbench.url}/hub/api/users/alice/servers/options",
        headers={"Authorization": f"Bearer {alice.token}"},
        json=options,
        timeout=60,
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert sentence in answer.json()["message"]
    assert workbench.containers(every=True) == []
    assert alice.get("instances")["items"] == []


@pytest.mark.parametrize("path", ["instances/dsw-aaaaaaaaaaaa", "instances/x", "snapshots/snap-x"])
def test_an_unknown_object_is_a_clear_4xx(alice: User, path: str) -> None:
    answer = alice.http.get(path)
    assert answer.status_code in (404, 422)
    assert answer.json()["detail"]


def test_a_body_that_is_no_json_is_a_clear_4xx(alice: User) -> None:
    answer = alice.http.post("instances", content=b"{")
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
