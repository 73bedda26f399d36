"""Nobody sees or touches what is another's; tokens can do what they are for and no more."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.workbenches import TestBench, User

pytestmark = pytest.mark.docker


def test_another_users_instance_looks_as_if_it_did_not_exist(alice: User, bob: User) -> None:
    item = alice.running(display_name="private")
    path = f"instances/{item['id']}"
    saved = alice.http.post(f"{path}/snapshots", json={"name": "mine"}).json()
    attempts = [
        bob.http.get(path),
        bob.http.get(f"{path}/events"),
        bob.http.get(f"{path}/events/stream"),
        bob.http.post(f"{path}/start"),
        bob.http.post(f"{path}/stop"),
        bob.http.patch(path, json={"display_name": "taken"}),
        bob.http.delete(path),
        bob.http.post(f"{path}/snapshots", json={"name": "theirs"}),
        bob.http.get(f"snapshots/{saved['id']}"),
        bob.http.get(f"snapshots/{saved['id']}/events"),
        bob.http.post(f"snapshots/{saved['id']}/cancel"),
    ]
    assert [answer.status_code for answer in attempts] == [404] * len(attempts)
    assert bob.get("instances?all=true")["items"] == []
    assert bob.get("snapshots")["items"] == []
    assert bob.get(f"snapshots?instance={item['id']}")["items"] == []
    assert bob.server(item, "api/contents").status_code in (403, 404)
    assert alice.get(path)["display_name"] == "private"
    done = alice_snapshot(alice, saved["id"])
    assert bob.http.get(f"images/{done['image_id']}").status_code == 404
    body = {"display_name": "x", "image": done["image_id"], "spec": "tiny"}
    assert bob.http.post("instances", json=body).status_code == 404
    assert bob.http.delete(f"images/{done['image_id']}").status_code == 404


def alice_snapshot(alice: User, snapshot_id: str) -> Any:
    from tests.polling import eventually

    def look() -> Any:
        item = alice.get(f"snapshots/{snapshot_id}")
        return item if item["state"] in ("Saved", "Failed") else None

    item = eventually(look, 60)
    assert item["state"] == "Saved", item
    return item


def test_the_live_stream_carries_only_ones_own(alice: User, bob: User) -> None:
    with bob.http.stream("GET", "events/stream") as stream:
        lines = stream.iter_lines()
        alice.create(display_name="secret plan", start=False)
        mine = bob.create(display_name="my own", start=False)
        for line in lines:
            assert "secret plan" not in line
            if mine["id"] in line:
                break


def token_of(workbench: TestBench, item: Any) -> str:
    """The hub token inside an instance, as a user can read it there."""
    text = workbench.execute(item, "cat", "/run/dsw/environment")
    return str(json.loads(text)["JUPYTERHUB_API_TOKEN"])


def test_an_instances_token_reaches_that_instance_only(
    workbench: TestBench, alice: User, bob: User
) -> None:
    item = alice.running(display_name="inner")
    other = alice.create(display_name="other", start=False)
    foreign = bob.create(display_name="foreign", start=False)
    inner = httpx.Client(
        base_url=f"{workbench.url}/services/dsw/api/",
        headers={"Authorization": f"Bearer {token_of(workbench, item)}"},
    )
    with inner:
        assert inner.get("me").json()["instance_id"] == item["id"]
        assert [i["id"] for i in inner.get("instances").json()["items"]] == [item["id"]]
        assert inner.get(f"instances/{item['id']}").status_code == 200
        for hidden in (other, foreign):
            assert inner.get(f"instances/{hidden['id']}").status_code == 404
            answer = inner.post(f"instances/{hidden['id']}/snapshots", json={"name": "x"})
            assert answer.status_code == 404
        body = {"display_name": "x", "image": alice.image(), "spec": "tiny"}
        assert inner.post("instances", json=body).status_code == 403
        assert inner.get("events/stream").status_code == 403
        assert inner.delete(f"instances/{item['id']}").status_code == 403
        assert inner.post(f"instances/{item['id']}/stop").status_code == 403


def test_an_instances_token_cannot_start_servers_or_make_tokens_on_the_hub(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="hub scopes")
    headers = {"Authorization": f"Bearer {token_of(workbench, item)}"}
    hub = f"{workbench.url}/hub/api/users"
    attempts = [
        httpx.post(f"{hub}/alice/servers/extra", headers=headers),
        httpx.delete(f"{hub}/alice/servers/{item['name']}", headers=headers),
        httpx.post(f"{hub}/alice/tokens", headers=headers),
        httpx.get(hub, headers=headers),
    ]
    assert {answer.status_code for answer in attempts} <= {403, 404}


def test_the_internal_routes_are_not_reachable_through_the_proxy(
    workbench: TestBench, alice: User
) -> None:
    for path in ("/internal/plans", "/services/dsw/internal/plans"):
        answer = httpx.post(f"{workbench.url}{path}", json={"owner": "alice", "name": "x"})
        assert answer.status_code in (302, 403, 404, 405), (path, answer.status_code)


def test_an_instance_cannot_use_the_internal_routes(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="internal")
    base = f"{workbench.settings.control_url}/internal"
    headers = {"Authorization": f"Bearer {token_of(workbench, item)}"}
    answer = httpx.post(f"{base}/plans", json={"owner": "bob", "name": "x"}, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}])
def test_without_a_valid_token_nothing_is_answered(
    workbench: TestBench, header: dict[str, str]
) -> None:
    document = httpx.get(f"{workbench.url}/services/dsw/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            url = workbench.url + path.replace("{instance_id}", "dsw-aaaaaaaaaaaa").replace(
                "{snapshot_id}", "snap-aaaaaaaaaaaa"
            ).replace("{image_id}", "img-aaaaaaaaaaaa").replace("{workspace}", "default")
            answer = httpx.request(method.upper(), url, headers=header)
            assert answer.status_code == 401, (method, path, answer.text)


def test_no_token_is_in_the_engines_view_of_the_container(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="inspect")
    token = token_of(workbench, item)
    assert len(token) > 20
    text = json.dumps(workbench.inspect(item))
    assert token not in text
    assert "JUPYTERHUB_API_TOKEN" not in text


def test_secrets_are_in_no_log(workbench: TestBench, alice: User) -> None:
    alice.running(display_name="logs")
    secrets = [file.read_text().strip() for file in (workbench.data / "secrets").iterdir()] + [
        alice.token
    ]
    for log in (workbench.data / "logs").iterdir():
        text = log.read_text(errors="replace")
        for secret in secrets:
            assert secret not in text, log.name


def test_an_owner_sees_everybody_only_as_an_administrator(
    workbench: TestBench, alice: User
) -> None:
    item = alice.create(display_name="seen", start=False)
    listed = workbench.admin.get("instances?all=true")["items"]
    assert item["id"] in [one["id"] for one in listed]
    assert item["id"] not in [one["id"] for one in workbench.admin.get("instances")["items"]]
