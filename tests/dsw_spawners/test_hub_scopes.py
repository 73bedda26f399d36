"""What the tokens of the hub can do, and above all what they cannot."""

from __future__ import annotations

import httpx
import pytest
from tests.dsw_spawners.conftest import Bench

from dsw import secret_files


@pytest.fixture(scope="module")
def inside(process_bench: Bench) -> httpx.Client:
    """The hub's API with the token that alice's server holds."""
    instance_id = process_bench.run("tokens")
    process_bench.admin.post("/users/bob")
    environment = process_bench.environment(instance_id)
    return process_bench.hub.client(environment["JUPYTERHUB_API_TOKEN"])


@pytest.fixture
def control(process_bench: Bench) -> httpx.Client:
    """The hub's API with control's token."""
    return process_bench.hub.client(process_bench.hub.secrets.read(secret_files.CONTROL))


def test_a_server_s_token_names_its_owner_and_its_one_instance(inside: httpx.Client) -> None:
    me = inside.get("/user").json()
    assert me["name"] == "alice"
    assert set(me["scopes"]) >= {
        "custom:dsw:instance!server=alice/tokens",
        "access:servers!server=alice/tokens",
    }
    assert not any(scope.startswith("access:services") for scope in me["scopes"])
    custom = [scope for scope in me["scopes"] if scope.startswith("custom:dsw:instance")]
    assert custom == ["custom:dsw:instance!server=alice/tokens"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users"),
        ("GET", "/users/bob"),
        ("POST", "/users/alice/servers/another"),
        ("DELETE", "/users/alice/servers/tokens"),
        ("PATCH", "/users/alice/servers/tokens"),
        ("POST", "/users/alice/tokens"),
        ("GET", "/users/alice/tokens"),
        ("GET", "/services"),
        ("GET", "/services/dsw"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
        ("POST", "/users/bob/activity"),
        ("POST", "/shares/alice/tokens"),
    ],
)
def test_a_server_s_token_can_do_nothing_else(inside: httpx.Client, method: str, path: str) -> None:
    assert inside.request(method, path, json={}).status_code in (403, 404), path
    assert inside.get("/user").status_code == 200


def test_a_server_s_token_may_report_activity(inside: httpx.Client) -> None:
    answer = inside.post(
        "/users/alice/activity",
        json={"servers": {"tokens": {"last_activity": "2026-01-01T00:00Z"}}},
    )
    assert answer.status_code == 200


def test_control_can_drive_servers_and_read_who_is_an_administrator(
    process_bench: Bench, control: httpx.Client
) -> None:
    users = control.get("/users", params={"include_stopped_servers": True}).json()
    admins = {user["name"]: user["admin"] for user in users}
    assert admins["admin"] is True
    assert admins["alice"] is False
    page = control.get(
        "/users",
        params={"limit": 1},
        headers={"Accept": "application/jupyterhub-pagination+json"},
    ).json()
    assert page["_pagination"]["next"]
    assert control.put("/users/alice/servers/made", json={}).status_code in (200, 201)
    assert control.patch("/users/alice/servers/made", json={"display_name": "Mine"}).is_success
    model = control.get("/users/alice", params={"include_stopped_servers": True}).json()
    assert model["servers"]["made"]["stopped"]
    assert model["servers"]["made"]["display_name"] == "Mine"
    assert not model["servers"]["made"].get("state")
    answer = control.post("/users/alice/servers/made", json={})
    assert answer.status_code in (201, 202), answer.text
    process_bench.wait_ready("made")
    answer = control.request("DELETE", "/users/alice/servers/made", json={"remove": True})
    assert answer.status_code in (202, 204)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users/alice/tokens"),
        ("GET", "/users/alice/tokens"),
        ("DELETE", "/users/alice"),
        ("POST", "/users/carol"),
        ("PATCH", "/users/alice"),
        ("POST", "/groups/team"),
        ("POST", "/shutdown"),
        ("GET", "/proxy"),
    ],
)
def test_control_cannot_become_or_change_users(
    control: httpx.Client, method: str, path: str
) -> None:
    assert control.request(method, path, json={"admin": True}).status_code in (403, 404)


def test_control_reads_who_is_in_a_group_and_changes_none(
    process_bench: Bench, control: httpx.Client
) -> None:
    process_bench.admin.post("/users/bob")
    made = process_bench.admin.post("/groups/ml", json={"users": ["bob"]})
    assert made.status_code == 201, made.text
    assert control.get("/groups/ml").json()["users"] == ["bob"]
    assert control.get("/groups/none").status_code == 404
    for method, path in (("POST", "/users"), ("DELETE", "/users"), ("DELETE", ""), ("PUT", "")):
        answer = control.request(method, f"/groups/ml{path}", json={"users": ["alice"]})
        assert answer.status_code in (403, 404, 405), (method, path)
    assert control.get("/groups/ml").json()["users"] == ["bob"]


def test_a_user_s_own_token_reaches_the_control_service(process_bench: Bench) -> None:
    me = process_bench.as_owner().get("/user").json()
    assert "access:services!service=dsw" in me["scopes"]
    assert "access:servers!user=alice" in me["scopes"]
