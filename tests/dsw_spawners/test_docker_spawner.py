"""Instances as containers: a real hub, a real proxy, a real engine, the minimal image."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from tests.dsw_spawners.conftest import Bench, containers, docker, inspect
from tests.dsw_spawners.plans import MIB
from tests.polling import eventually

from dsw.events import Phase
from dsw.names import container_name
from dsw.plan import GID, UID
from dsw_spawners.docker_args import CAPABILITIES_OF_SUDO

pytestmark = pytest.mark.docker


def container_of(bench: Bench, instance_id: str) -> dict[str, Any]:
    """The instance's container as the engine shows it."""
    return inspect(container_name(bench.installation, instance_id))


def inside(bench: Bench, instance_id: str, *command: str) -> str:
    """What a command prints that runs in the instance as its user."""
    return docker("exec", container_name(bench.installation, instance_id), *command)


def test_a_container_has_the_plan_s_limits_and_no_token(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("limits")
    token = docker_bench.environment(instance_id)["JUPYTERHUB_API_TOKEN"]
    container = container_of(docker_bench, instance_id)
    host = container["HostConfig"]
    assert host["CpuQuota"] == host["CpuPeriod"] == 100_000
    assert host["Memory"] == host["MemorySwap"] == 512 * MIB
    assert (host["PidsLimit"], host["ShmSize"]) == (512, 64 * MIB)
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["LogConfig"]["Config"]["max-size"] == "10m"
    assert container["Config"]["User"] == f"{UID}:{GID}"
    assert container["Config"]["Labels"]["dsw.id"] == instance_id
    assert token not in json.dumps(container)
    image = inspect(container["Image"])
    own = [line for line in container["Config"]["Env"] if "=" in line]
    assert sorted(own) == sorted([*image["Config"]["Env"], "NVIDIA_VISIBLE_DEVICES=void"])
    docker_bench.stop("limits", remove=True)


def test_the_environment_is_handed_over_by_a_file_of_the_user_alone(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("handed")
    file = docker_bench.environment_file(instance_id)
    status = file.stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o400, UID)
    assert (file.parent.stat().st_mode & 0o777, file.parent.stat().st_uid) == (0o700, UID)
    environment = json.loads(inside(docker_bench, instance_id, "cat", "/run/dsw/environment"))
    assert environment["JUPYTERHUB_USER"] == "alice"
    assert environment["HOME"] == "/mnt/workspace"
    with pytest.raises(subprocess.CalledProcessError):
        inside(docker_bench, instance_id, "touch", "/run/dsw/other")
    docker_bench.stop("handed")
    assert not file.exists()
    docker_bench.stop("handed", remove=True)
    assert not file.parent.exists()


def test_the_server_is_reached_through_the_proxy_by_its_owner_only(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("reached")
    environment = docker_bench.environment(instance_id)
    url = f"{docker_bench.hub.url}/user/alice/reached/api/status"
    assert docker_bench.as_owner().get(url).status_code == 200
    # Who had full access may have copied it.
    own = docker_bench.hub.client(environment["JUPYTERHUB_API_TOKEN"])
    assert own.get(url).status_code == 403
    assert docker_bench.hub.client("0" * 64).get(url).status_code == 403
    docker_bench.stop("reached", remove=True)


def test_the_steps_are_reported_and_shown_on_the_progress_page(docker_bench: Bench) -> None:
    events = docker_bench.start_and_watch("steps")
    assert events[-1]["ready"]
    assert [event["message"] for event in events[:-1]] == [
        "Server requested",
        "Admitted",
        "The image minimal is there",
        "Container created",
        "Container started, waiting for its server to answer",
        "The server answers",
    ]
    shown = [event["progress"] for event in events]
    assert shown == sorted(shown)
    instance_id = docker_bench.instance("steps")
    docker_bench.control.wait_for(instance_id, Phase.SERVER_ANSWERING)
    assert docker_bench.control.phases(instance_id) == [
        Phase.ADMITTED,
        Phase.IMAGE_PRESENT,
        Phase.CONTAINER_CREATED,
        Phase.CONTAINER_STARTED,
        Phase.SERVER_ANSWERING,
    ]
    docker_bench.stop("steps", remove=True)


def test_what_was_installed_survives_a_stop_and_limits_change_in_place(
    docker_bench: Bench,
) -> None:
    instance_id = docker_bench.run("kept")
    before = container_of(docker_bench, instance_id)
    token = docker_bench.environment(instance_id)["JUPYTERHUB_API_TOKEN"]
    inside(docker_bench, instance_id, "touch", "/opt/venv/installed")
    docker_bench.stop("kept")
    stopped = container_of(docker_bench, instance_id)["State"]
    assert (stopped["Running"], stopped["ExitCode"]) == (False, 143)
    assert docker_bench.hub.client(token).get("/user").status_code == 403
    docker_bench.planner.next = {"cpu": 0.5, "memory": 384 * MIB, "pids": 300}
    try:
        docker_bench.run("kept")
    finally:
        docker_bench.planner.next = {}
    after = container_of(docker_bench, instance_id)
    assert after["Id"] == before["Id"]
    host = after["HostConfig"]
    assert (host["CpuQuota"], host["Memory"], host["PidsLimit"]) == (50_000, 384 * MIB, 300)
    assert host["MemorySwap"] == 384 * MIB
    inside(docker_bench, instance_id, "test", "-e", "/opt/venv/installed")
    assert docker_bench.environment(instance_id)["JUPYTERHUB_API_TOKEN"] != token
    docker_bench.stop("kept", remove=True)


def test_a_change_that_needs_a_new_container_is_refused_unless_agreed_to(
    docker_bench: Bench,
) -> None:
    instance_id = docker_bench.run("changed")
    before = container_of(docker_bench, instance_id)["Id"]
    docker_bench.stop("changed")
    docker_bench.planner.next = {"shared_memory": 128 * MIB}
    try:
        answer = docker_bench.start("changed")
        assert answer.status_code == 409
        assert "needs a new container (the shared memory)" in answer.json()["message"]
        failure = docker_bench.control.wait_for(instance_id, Phase.FAILED)
        assert failure.reason == "NeedsNewContainer"
        assert container_of(docker_bench, instance_id)["Id"] == before
        docker_bench.planner.next["replace"] = True
        docker_bench.run("changed")
    finally:
        docker_bench.planner.next = {}
    after = container_of(docker_bench, instance_id)
    assert after["Id"] != before
    assert after["HostConfig"]["ShmSize"] == 128 * MIB
    docker_bench.stop("changed", remove=True)


def test_deleting_removes_the_container_and_leaves_the_home(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("deleted")
    inside(docker_bench, instance_id, "touch", "/mnt/workspace/notebook.ipynb")
    docker_bench.stop("deleted")
    name = container_name(docker_bench.installation, instance_id)
    assert name in containers(docker_bench.installation)
    docker_bench.stop("deleted", remove=True)
    docker_bench.control.wait_for(instance_id, Phase.DELETED)
    assert name not in containers(docker_bench.installation)
    home = docker_bench.planner.fields["mounts"][0]["source"]
    assert "notebook.ipynb" in subprocess.check_output(["ls", home], text=True)


def test_a_container_left_running_is_started_anew_with_a_new_token(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("left")
    docker_bench.stop("left")
    name = container_name(docker_bench.installation, instance_id)
    docker_bench.environment_file(instance_id).write_text('{"HOME": "/mnt/workspace"}')
    docker_bench.environment_file(instance_id).chmod(0o444)
    docker("start", name)
    began = inspect(name)["State"]["StartedAt"]
    docker_bench.run("left")
    assert inspect(name)["State"]["StartedAt"] > began
    assert containers(docker_bench.installation, name=name) == [name]
    assert "JUPYTERHUB_API_TOKEN" in docker_bench.environment(instance_id)
    docker_bench.stop("left", remove=True)


def test_a_container_that_ends_by_itself_is_noticed_and_kept(docker_bench: Bench) -> None:
    instance_id = docker_bench.run("ends")
    docker("kill", container_name(docker_bench.installation, instance_id))
    eventually(lambda: docker_bench.server("ends").get("stopped"), 30)
    assert container_of(docker_bench, instance_id)["State"]["ExitCode"] == 137
    eventually(lambda: not docker_bench.environment(instance_id), 10)
    assert Phase.STOPPED not in docker_bench.control.phases(instance_id)
    docker_bench.stop("ends", remove=True)


def test_sudo_gets_only_the_capabilities_that_it_needs(docker_bench: Bench) -> None:
    docker_bench.planner.next = {"sudo": True}
    try:
        instance_id = docker_bench.run("sudo")
    finally:
        docker_bench.planner.next = {}
    host = container_of(docker_bench, instance_id)["HostConfig"]
    added = {capability.removeprefix("CAP_") for capability in host["CapAdd"]}
    assert added == set(CAPABILITIES_OF_SUDO)
    assert not host["SecurityOpt"]
    assert inside(docker_bench, instance_id, "sudo", "-n", "id", "-u") == "0"
    inside(
        docker_bench,
        instance_id,
        "sudo",
        "-n",
        "sh",
        "-c",
        "touch /f && chown 1000:33 /f && su dsw",
    )
    with pytest.raises(subprocess.CalledProcessError):
        inside(docker_bench, instance_id, "sudo", "-n", "mount", "-t", "tmpfs", "none", "/srv")
    docker_bench.stop("sudo", remove=True)
