"""What does not fit waits, and starts when something is given back, whatever is restarted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.polling import eventually
from tests.workbenches import TestBench, User

pytestmark = pytest.mark.docker

QUOTA = "workspaces/default/quotas/local"


@pytest.fixture
def one_at_a_time(workbench: TestBench, alice: User) -> Iterator[User]:
    """Alice may run one instance."""
    admin = workbench.admin
    before = admin.get(QUOTA)["quota"]
    cap = before | {"members": {"alice": {"instances": 1}}}
    assert admin.http.put(QUOTA, json=cap).status_code == 200
    yield alice
    workbench.wait_until_ready()
    assert admin.http.put(QUOTA, json=before).status_code == 200


def place(user: User, item: Any) -> Any:
    """Where an instance stands in the queue."""
    return user.get(f"instances/{item['id']}")["queue"]


def test_a_queued_instance_starts_when_its_turn_comes(
    workbench: TestBench, one_at_a_time: User
) -> None:
    alice = one_at_a_time
    first = alice.running(display_name="first")
    second = alice.create(display_name="second")
    third = alice.create(display_name="third")
    assert (second["state"], third["state"]) == ("Queuing", "Queuing")
    assert second["message"] == ("Waiting for 1 running instance for alice in local; 0 of 1 free.")
    eventually(lambda: (place(alice, third) or {}).get("ahead") == 1, 20)
    workbench.kill("control")
    workbench.wait_until_ready()
    assert alice.state(second["id"]) == "Queuing"
    assert workbench.containers() == [first["id"]]
    alice.http.post(f"instances/{first['id']}/stop")
    workbench.kill("control")
    workbench.wait_until_ready()
    running = alice.wait(second["id"], "Running", "Failed")
    assert running["state"] == "Running"
    assert running["queue"] is None
    assert alice.state(third["id"]) == "Queuing"
    assert workbench.containers() == [second["id"]]
    entries = alice.get("queue")["items"]
    assert [entry["instance_id"] for entry in entries] == [third["id"]]


def test_the_hubs_own_page_cannot_wait(workbench: TestBench, one_at_a_time: User) -> None:
    alice = one_at_a_time
    alice.running(display_name="first")
    other = alice.create(display_name="other", start=False)
    answer = alice.http.post(
        f"{workbench.url}/hub/api/users/alice/servers/{other['name']}", json={}
    )
    assert answer.status_code == 409, answer.text
    assert "0 of 1 free" in answer.json()["message"]
    assert alice.state(other["id"]) == "Stopped"
