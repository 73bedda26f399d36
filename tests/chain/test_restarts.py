"""Any process may be killed at any moment: within a minute all is as it was wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.chain.data_beds import DataBed
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker

from dsw.names import container_name
from workbench.processes import Process

pytestmark = pytest.mark.docker

CONVERGED = 60


def answers(alice: User, item: Any) -> bool:
    """Whether the instance's server answers through the proxy."""
    try:
        return alice.server(item, "api").status_code == 200
    except httpx.HTTPError:
        return False


def steady(workbench: TestBench, alice: User, item: Any) -> None:
    """The instance is up, reachable, and has the one container of this installation."""

    try:
        eventually(
            lambda: alice.state_or_none(item["id"]) == "Running" and answers(alice, item), CONVERGED
        )
    except AssertionError as error:
        raise AssertionError(alice.story(item["id"])) from error
    assert workbench.containers(every=True) == [item["id"]]


def test_a_killed_hub_leaves_running_instances_alone(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="hub dies")
    started = workbench.inspect(item)["State"]["StartedAt"]
    assert answers(alice, item), "from now on the server knows the token for ten seconds"
    workbench.kill("hub")
    assert answers(alice, item), "the proxy goes on without the hub"
    steady(workbench, alice, item)
    eventually(lambda: httpx.get(f"{workbench.url}/hub/api").status_code == 200, CONVERGED)
    steady(workbench, alice, item)
    assert workbench.inspect(item)["State"]["StartedAt"] == started


@pytest.mark.parametrize("program", ["hub", "control"])
@pytest.mark.parametrize("phase", ["ResourceAllocating", "EnvPreparing", "Starting"])
def test_a_program_killed_while_an_instance_starts_changes_nothing(
    workbench: TestBench, alice: User, program: str, phase: str
) -> None:
    item = alice.create(display_name=f"{program} dies")
    order = ["Creating", "ResourceAllocating", "EnvPreparing", "Starting", "Running"]
    eventually(lambda: order.index(alice.state(item["id"])) >= order.index(phase), 30, every=0.005)
    workbench.kill(program)
    steady(workbench, alice, item)


def test_a_hub_restarted_while_an_instance_starts_starts_it_again(
    workbench: TestBench, alice: User
) -> None:
    item = alice.create(display_name="hub upgraded")
    eventually(lambda: alice.state(item["id"]) in ("Starting", "Running"), 30, every=0.005)
    os.kill(workbench.pid("hub"), signal.SIGTERM)
    steady(workbench, alice, item)


def test_a_killed_control_loses_no_row(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="control dies")
    before = alice.get("instances")["items"]
    workbench.kill("control")
    assert answers(alice, item)
    steady(workbench, alice, item)
    assert alice.get("instances")["items"] == before


def test_a_killed_proxy_is_back_with_its_routes(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="proxy dies")
    workbench.kill("proxy")
    steady(workbench, alice, item)


def test_a_stop_and_a_delete_survive_a_killed_control(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="stop me")
    alice.http.post(f"instances/{item['id']}/stop")
    workbench.kill("control")

    eventually(lambda: alice.state_or_none(item["id"]) == "Stopped", CONVERGED)
    assert workbench.containers() == []
    alice.http.delete(f"instances/{item['id']}")
    workbench.kill("control")
    eventually(lambda: workbench.containers(every=True) == [], CONVERGED)


def test_a_snapshot_survives_a_killed_control(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="saving")
    workbench.execute(item, "dd", "if=/dev/urandom", "of=/opt/venv/big", "bs=1M", "count=200")
    answer = alice.http.post(f"instances/{item['id']}/snapshots", json={"name": "survivor"})
    snapshot = answer.json()["id"]
    eventually(lambda: workbench.containers("agent", every=True) == [snapshot], 30, every=0.02)
    workbench.kill("control")

    def saved() -> bool:
        try:
            return bool(alice.get(f"snapshots/{snapshot}")["state"] == "Saved")
        except (httpx.HTTPError, AssertionError):
            return False

    eventually(saved, CONVERGED)
    images = [i for i in alice.get("images")["items"] if i["name"] == "survivor"]
    assert len(images) == 1
    eventually(lambda: workbench.containers("agent", every=True) == [], 20)
    assert alice.state(item["id"]) == "Running"


def test_a_container_stopped_from_outside_comes_back(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="outside")
    docker("stop", container_name(workbench.installation, item["id"]))
    eventually(lambda: alice.state(item["id"]) == "Recovering", CONVERGED)
    steady(workbench, alice, item)


def test_a_server_shut_down_from_inside_is_stopped(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="inside")
    alice.server(item, "api/shutdown", "POST")
    stopped = alice.wait(item["id"], "Stopped", timeout=CONVERGED)
    assert stopped["reason"] == "EndedByUser"
    assert stopped["desired"] == "stopped"


def test_containers_that_nobody_owns_are_ended(workbench: TestBench, alice: User) -> None:
    network = f"dsw-{workbench.installation}"
    labels = {"dsw.installation": workbench.installation, "dsw.kind": "instance"}
    labels["dsw.id"] = "dsw-aaaaaaaaaaaa"
    flags = [f"--label={key}={value}" for key, value in labels.items()]
    name = docker(
        "run", "-d", "--network", network, *flags, "--entrypoint", "sleep",
        "jupyterhub-dsw/minimal:latest", "600",
    ).strip()  # fmt: skip
    try:
        eventually(lambda: "dsw-aaaaaaaaaaaa" not in workbench.containers(), CONVERGED)
    finally:
        docker("rm", "-f", name)


@pytest.mark.alone
@pytest.mark.skipif(
    os.environ.get("DSW_TEST_RESTART_ENGINE") != "1",
    reason="restarts the machine's container engine; scripts/test does it as the last of all",
)
def test_after_a_restart_of_the_engine_everything_is_back(
    workbench: TestBench, data: DataBed, alice: User
) -> None:
    data.dataset(alice, "surviving", data.folder("surviving", file="still here"))
    data.dataset(alice, "survivors", data.objects("survivors", file="still there"))
    item = alice.running(display_name="engine dies", datasets=[{"dataset": "surviving"}])
    kept = data.mount(alice, item, "survivors", keep=True)
    workbench.execute(item, "touch", "/opt/venv/installed")
    stopped = alice.running(display_name="at rest")
    alice.http.post(f"instances/{stopped['id']}/stop")
    alice.wait(stopped["id"], "Stopped")
    restart_engine()
    began = time.monotonic()

    def back() -> bool:
        return alice.state_or_none(item["id"]) == "Running" and answers(alice, item)

    # It looks as it was until the loss is noticed: wait for that first.
    eventually(lambda: not answers(alice, item) or back(), 30)
    eventually(back, CONVERGED)
    assert time.monotonic() - began < CONVERGED
    assert workbench.containers() == [item["id"]]
    assert workbench.containers(every=True) == sorted([item["id"], stopped["id"]])
    workbench.execute(item, "ls", "/opt/venv/installed")
    assert data.read(item, "/mnt/data/surviving/file") == "still here"
    there = f"{kept['target']}/file"
    eventually(lambda: data.attempt(item, "cat", there) == "still there", CONVERGED)
    assert (len(data.of_instance(item)), len(data.helpers())) == (2, 1)
    assert alice.state(stopped["id"]) == "Stopped"


def restart_engine() -> None:
    """End the engine as a reboot does, and start it again with the same arguments."""
    pid = int(Path("/var/run/docker.pid").read_text())
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: Process.of(pid) is None, CONVERGED)
    Process.spawn(arguments, Path("/tmp/dockerd-restarted.log"))
    info = ["docker", "info"]
    eventually(
        lambda: subprocess.run(info, capture_output=True, check=False).returncode == 0, CONVERGED
    )
