"""The hub killed without warning at any moment: one container, taken over or started again."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.dsw_spawners.conftest import Bench, containers, docker, inspect
from tests.polling import eventually

from dsw.events import Phase
from dsw.names import container_name

pytestmark = pytest.mark.docker


def start_until_killed(bench: Bench, name: str) -> None:
    """Ask for a start whose answer never comes."""
    with pytest.raises(httpx.HTTPError):
        bench.start(name).raise_for_status()


def test_a_running_server_is_taken_over(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("running")
    name = container_name(docker_bench.installation, instance_id)
    before = inspect(name)
    token = docker_bench.environment(instance_id)["JUPYTERHUB_API_TOKEN"]
    url = f"{docker_bench.hub.url}/user/alice/running/api/status"
    alice = docker_bench.as_owner()
    assert alice.get(url).status_code == 200
    docker_bench.hub.kill()
    assert alice.get(url).status_code == 200
    docker_bench.hub.start()
    docker_bench.wait_ready("running")
    after = inspect(name)
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
    answer = docker_bench.start("running")
    assert answer.status_code == 400
    assert "already running" in answer.json()["message"]
    assert docker_bench.hub.client(token).get("/user").status_code == 200
    docker_bench.stop("running")
    assert docker_bench.hub.client(token).get("/user").status_code == 403
    docker_bench.control.wait_for(instance_id, Phase.STOPPED)
    docker_bench.stop("running", remove=True)
    assert containers(docker_bench.installation, name=name) == []


@pytest.mark.parametrize(
    ("phase", "how"),
    [
        (Phase.ADMITTED, signal.SIGKILL),
        (Phase.CONTAINER_CREATED, signal.SIGKILL),
        (Phase.CONTAINER_STARTED, signal.SIGKILL),
        (Phase.CONTAINER_STARTED, signal.SIGTERM),
    ],
)
def test_a_server_that_was_starting_comes_up_once(
    docker_bench: Bench, phase: Phase, how: signal.Signals
) -> None:
    server = f"{how.name[3:].lower()}-{phase.value.replace('_', '-')}"
    docker_bench.admin.post("/users/alice")
    docker_bench.users.add("alice")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(start_until_killed, docker_bench, server)
        instance_id = eventually(
            lambda: docker_bench.planner.ids.get(("alice", server)), every=0.01
        )
        docker_bench.control.wait_for(instance_id, phase)
        docker_bench.hub.kill(how)
        asked.result()
    docker_bench.hub.start()
    # As control's reconciler does: ask again, unless the hub has taken the server over.
    eventually(lambda: not docker_bench.server(server).get("pending"), 60)
    if not docker_bench.server(server).get("ready"):
        docker_bench.run(server)
    docker_bench.wait_ready(server)
    name = container_name(docker_bench.installation, instance_id)
    assert containers(docker_bench.installation, name=name) == [name]
    assert inspect(name)["State"]["Running"]
    url = f"{docker_bench.hub.url}/user/alice/{server}/api/status"
    assert docker_bench.as_owner().get(url).status_code == 200
    docker_bench.stop(server, remove=True)
    assert containers(docker_bench.installation, name=name) == []


def test_a_stopped_server_can_still_be_deleted_with_its_container(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("resting")
    docker_bench.stop("resting")
    docker_bench.hub.kill()
    docker_bench.hub.start()
    docker_bench.stop("resting", remove=True)
    docker_bench.control.wait_for(instance_id, Phase.DELETED)
    name = container_name(docker_bench.installation, instance_id)
    assert containers(docker_bench.installation, name=name) == []


def test_a_server_that_ended_while_the_hub_was_down_is_stopped(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("ended")
    name = container_name(docker_bench.installation, instance_id)
    token = docker_bench.environment(instance_id)["JUPYTERHUB_API_TOKEN"]
    docker_bench.hub.kill()
    docker("kill", name)
    docker_bench.hub.start()
    eventually(lambda: docker_bench.server("ended").get("stopped"), 30)
    assert docker_bench.hub.client(token).get("/user").status_code == 403
    assert not docker_bench.environment(instance_id)
    docker_bench.stop("ended", remove=True)
