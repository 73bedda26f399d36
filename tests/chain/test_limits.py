"""The limits of a spec hold, and the reason of an end is told."""

from __future__ import annotations

import subprocess

import pytest
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker

from dsw.names import container_name

pytestmark = pytest.mark.docker

EAT = "x = bytearray(900 * 1024 * 1024)"


def test_a_process_over_the_memory_limit_is_killed_and_the_reason_is_shown(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="greedy")
    name = container_name(workbench.installation, item["id"])
    done = subprocess.run(["docker", "exec", name, "python3", "-c", EAT], check=False)
    assert done.returncode == 137

    def told() -> bool:
        now = alice.get(f"instances/{item['id']}")
        return bool(now["reason"] == "OutOfMemory" and "512 MiB" in now["message"])

    eventually(told, 20)
    assert alice.state(item["id"]) == "Running"


def test_an_instance_whose_server_is_killed_for_memory_fails_with_that_reason(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="all of it")
    # The server is made the first to go; then something asks for too much.
    server = "$(pgrep -f bin/jupyterhub-singleuser)"
    first = f"for p in {server}; do echo 1000 > /proc/$p/oom_score_adj; done"
    workbench.execute(item, "sh", "-c", first, user="0")
    name = container_name(workbench.installation, item["id"])
    subprocess.run(["docker", "exec", name, "python3", "-c", EAT], check=False)
    failed = alice.wait(item["id"], "Failed", timeout=60)
    assert failed["reason"] == "OutOfMemory"
    assert "512 MiB" in failed["message"]
    assert workbench.containers() == []


def test_the_cpu_quota_holds(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="busy")
    loop = "import time; t = time.time()\nwhile time.time() - t < 4: pass"
    script = f"python3 -c '{loop}' & python3 -c '{loop}' & wait; times"
    text = workbench.execute(item, "sh", "-c", script)
    minutes_seconds = text.splitlines()[1].split()[0]
    used = float(minutes_seconds.split("m")[1].rstrip("s"))
    assert used < 4 * 1.25, "two busy processes of 4 s may use 4 s of one CPU"


def test_the_pids_limit_holds(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="forks")
    name = container_name(workbench.installation, item["id"])
    forks = "for i in $(seq 400); do sleep 30 & done"
    done = subprocess.run(
        ["docker", "exec", name, "bash", "-c", forks], capture_output=True, text=True, check=False
    )
    assert "Resource temporarily unavailable" in done.stderr
    assert docker("top", name, "-eo", "pid").count("\n") <= 200 + 1


def test_gpus_are_not_given_to_those_who_ask_for_none(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="no gpu")
    assert not workbench.inspect(item)["HostConfig"]["DeviceRequests"]
