"""Whatever breaks in the moment in which an instance stands still: it runs again, and soon."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.chain.saving_beds import Bed
from tests.polling import eventually
from tests.workbenches import docker

pytestmark = [
    pytest.mark.docker,
    pytest.mark.alone,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not Path("/sys/fs/cgroup/freezer").exists(), reason="looks at cgroups of version 1"
    ),
]

SOON = 10
"""Seconds after which nothing may be frozen any more."""


@pytest.fixture(scope="module")
def busy(the_bed: Bed) -> Iterator[None]:
    with the_bed.busy():
        yield


def runs_again(bed: Bed) -> None:
    """Within the time that is promised."""
    eventually(lambda: not bed.frozen(), SOON)
    assert bed.bench.execute(bed.item, "echo", "alive") == "alive\n"


Act = Callable[[Bed, str, int], None]


def _kill_worker(bed: Bed, snapshot: str, worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def _kill_helper(bed: Bed, snapshot: str, worker: int) -> None:
    docker("kill", bed.agent(snapshot))


def _remove_helper(bed: Bed, snapshot: str, worker: int) -> None:
    docker("rm", "--force", bed.agent(snapshot))


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("act", [_kill_worker, _kill_helper, _remove_helper])
def test_a_helper_that_dies_leaves_nothing_frozen(bed: Bed, act: Act) -> None:
    before = bed.stored()
    snapshot, worker = bed.begin_until_frozen("dies")
    act(bed, snapshot, worker)
    runs_again(bed)
    assert bed.ended(snapshot)["state"] == "Failed"
    assert bed.stored() == before
    bed.registry.purge()


@pytest.mark.usefixtures("busy")
def test_a_helper_that_hangs_leaves_nothing_frozen(bed: Bed) -> None:
    snapshot, worker = bed.begin_until_frozen("hangs")
    runs_again(bed)
    os.kill(worker, signal.SIGCONT)
    done = bed.ended(snapshot)
    # What it read was not of one moment: it tries again, or gives up.
    assert done["state"] in ("Saved", "Failed"), done


@pytest.mark.usefixtures("busy")
def test_cancelling_thaws_at_once(bed: Bed) -> None:
    before = bed.stored()
    snapshot, worker = bed.begin_until_frozen("cancelled")
    bed.cancel(snapshot)
    runs_again(bed)
    os.kill(worker, signal.SIGCONT)
    assert bed.ended(snapshot)["state"] == "Cancelled"
    assert bed.stored() == before


@pytest.mark.usefixtures("busy")
def test_control_and_helper_that_die_together_leave_nothing_frozen(bed: Bed) -> None:
    before = bed.stored()
    snapshot, _ = bed.begin_until_frozen("all die")
    bed.bench.kill("control")
    docker("kill", bed.agent(snapshot))
    bed.bench.wait_until_ready()
    runs_again(bed)
    assert bed.ended(snapshot)["state"] == "Failed"
    assert bed.stored() == before
    bed.registry.purge()


@pytest.mark.usefixtures("busy")
def test_a_killed_control_does_not_keep_it_frozen(bed: Bed) -> None:
    snapshot, worker = bed.begin_until_frozen("control dies")
    bed.bench.kill("control")
    os.kill(worker, signal.SIGCONT)
    runs_again(bed)
    assert bed.ended(snapshot)["state"] == "Saved"


@pytest.mark.parametrize("act", ["stop", "delete"])
def test_an_instance_can_be_ended_while_it_is_frozen(bed: Bed, act: str) -> None:
    before = bed.stored()
    other = bed.alice.running(display_name=f"frozen, to {act}")
    path = f"instances/{other['id']}"
    with bed.busy(other):
        snapshot, worker = bed.begin_until_frozen(act, other)
        http = bed.alice.http
        answer = http.post(f"{path}/stop") if act == "stop" else http.delete(path)
        assert answer.status_code in (200, 202)
        eventually(lambda: other["id"] not in bed.bench.containers(), 60)
        os.kill(worker, signal.SIGCONT)
        assert bed.ended(snapshot)["state"] == "Cancelled"
    bed.alice.delete(other["id"])
    assert bed.stored() == before


def test_an_instance_that_an_operator_paused_stays_so(bed: Bed) -> None:
    container = bed.bench.inspect(bed.item)["Id"]
    docker("pause", container)
    try:
        done = bed.ended(bed.begin("paused"))
        assert done["state"] == "Saved", done
        assert bed.bench.inspect(bed.item)["State"]["Paused"]
    finally:
        docker("unpause", container)
