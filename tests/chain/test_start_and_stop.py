"""An instance from its creation to its end, on the real hub and engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.polling import eventually
from tests.workbenches import TestBench, User

pytestmark = pytest.mark.docker


def test_an_instance_starts_and_reports_its_phases(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="训练 run 1")
    assert item["state"] == "Running"
    assert item["name"] == "run-1"
    assert item["started_at"]
    events = alice.get(f"instances/{item['id']}/events")["items"]
    states = list(dict.fromkeys(event["state"] for event in events))
    assert states == ["ResourceAllocating", "EnvPreparing", "Starting", "Running"]
    assert alice.server(item, "api").json()["version"]
    assert workbench.containers() == [item["id"]]


def test_what_was_installed_survives_a_stop(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="kept")
    workbench.execute(item, "sh", "-c", "echo here > /opt/venv/installed; echo mine > note.txt")
    assert alice.http.post(f"instances/{item['id']}/stop").status_code == 202
    alice.wait(item["id"], "Stopped")
    assert workbench.containers() == []
    assert workbench.containers(every=True) == [item["id"]]
    assert alice.http.post(f"instances/{item['id']}/start").status_code == 202
    alice.wait(item["id"], "Running")
    assert workbench.execute(item, "cat", "/opt/venv/installed") == "here\n"
    assert workbench.execute(item, "cat", "/mnt/workspace/note.txt") == "mine\n"


@pytest.mark.parametrize("phase", ["ResourceAllocating", "Starting"])
def test_a_start_can_be_stopped_half_way(workbench: TestBench, alice: User, phase: str) -> None:
    item = alice.create(display_name="changed my mind")
    eventually(lambda: alice.state(item["id"]) in (phase, "Running"), every=0.005)
    assert alice.http.post(f"instances/{item['id']}/stop").status_code == 202
    alice.wait(item["id"], "Stopped", timeout=40)
    assert workbench.containers() == []
    alice.http.post(f"instances/{item['id']}/start")
    alice.wait(item["id"], "Running")


def test_a_deleted_instance_leaves_only_its_files(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="gone")
    workbench.execute(item, "sh", "-c", "echo kept > /mnt/workspace/after-delete")
    alice.delete(item["id"])
    assert workbench.containers(every=True) == []
    other = alice.running(display_name="gone")
    assert other["id"] != item["id"]
    assert workbench.execute(other, "cat", "/mnt/workspace/after-delete") == "kept\n"


def test_starting_twice_gives_the_same_answer_and_one_container(
    workbench: TestBench, alice: User
) -> None:
    item = alice.create(display_name="twice", start=False)
    assert item["state"] == "Stopped"
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: alice.http.post(f"instances/{item['id']}/start"), range(8))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["id"] for answer in answers} == {item["id"]}
    alice.wait(item["id"], "Running")
    assert workbench.containers(every=True) == [item["id"]]
    refused = alice.http.post(f"instances/{item['id']}/start")
    assert refused.status_code == 409
    assert "is Running" in refused.json()["detail"]


def test_a_stop_on_the_hubs_own_page_is_a_stop(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="hub page")
    answer = httpx.delete(
        f"{workbench.url}/hub/api/users/alice/servers/{item['name']}",
        headers={"Authorization": f"Bearer {alice.token}"},
        timeout=60,
    )
    assert answer.status_code in (202, 204)
    stopped = alice.wait(item["id"], "Stopped")
    assert stopped["desired"] == "stopped"


def test_a_server_started_on_the_hub_is_registered(workbench: TestBench, alice: User) -> None:
    answer = httpx.post(
        f"{workbench.url}/hub/api/users/alice/servers/from-hub",
        headers={"Authorization": f"Bearer {alice.token}"},
        json={"spec": "tiny"},
        timeout=60,
    )
    assert answer.status_code in (201, 202), answer.text
    item = eventually(
        lambda: next((i for i in alice.get("instances")["items"] if i["name"] == "from-hub"), None)
    )
    assert alice.wait(item["id"], "Running")["spec"]["name"] == "tiny"


def test_a_spec_changes_without_losing_what_was_installed(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="grows")
    workbench.execute(item, "touch", "/opt/venv/installed")
    path = f"instances/{item['id']}"
    assert alice.http.patch(path, json={"spec": "small"}).status_code == 409
    alice.http.post(f"{path}/stop")
    alice.wait(item["id"], "Stopped")
    assert alice.http.patch(path, json={"spec": "small"}).status_code == 200
    alice.http.post(f"{path}/start")
    alice.wait(item["id"], "Running")
    assert workbench.inspect(item)["HostConfig"]["Memory"] == 2 * 1024**3
    workbench.execute(item, "ls", "/opt/venv/installed")


def test_a_change_that_needs_a_new_container_asks_for_consent(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="anew")
    path = f"instances/{item['id']}"
    alice.http.post(f"{path}/stop")
    alice.wait(item["id"], "Stopped")
    refused = alice.http.patch(path, json={"spec": "roomy"})
    assert refused.status_code == 409
    assert "discard_changes" in refused.json()["detail"]
    before = workbench.inspect(item)["Id"]
    agreed = alice.http.patch(path, json={"spec": "roomy", "discard_changes": True})
    assert agreed.status_code == 200
    alice.http.post(f"{path}/start")
    alice.wait(item["id"], "Running")
    after = workbench.inspect(item)
    assert after["Id"] != before
    assert after["HostConfig"]["ShmSize"] == 128 * 1024**2


def test_events_come_live(alice: User) -> None:
    seen: list[str] = []
    with alice.http.stream("GET", "events/stream", timeout=START) as stream:
        item = alice.create(display_name="live")
        for line in stream.iter_lines():
            if line.startswith("data:") and item["id"] in line:
                seen.append(line)
                if '"state":"Running"' in line:
                    break
    assert any('"state":"Starting"' in line for line in seen)


START = 90


def test_history_resumes_after_an_event(alice: User) -> None:
    item = alice.running(display_name="resume")
    every = alice.get(f"instances/{item['id']}/events")["items"]
    middle = every[2]["id"]
    rest: list[Any] = alice.get(f"instances/{item['id']}/events?after={middle}")["items"]
    assert [event["id"] for event in rest] == [event["id"] for event in every[3:]]
