"""Whatever breaks while an instance is saved: one outcome, and the instance runs on.

Each test keeps a snapshot in a phase by a request that the proxy holds, breaks something, and lets
go.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.chain.saving_beds import PHASES, TAGGING, Bed
from tests.polling import eventually
from tests.workbenches import docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

FULL = os.environ.get("DSW_TEST_FULL") == "1"


def failed(bed: Bed, snapshot: str, *reasons: str) -> Any:
    """It ended without an image, with one of these reasons and a sentence."""
    done = bed.ended(snapshot)
    assert done["state"] == "Failed", done
    assert done["reason"] in reasons, done
    assert re.fullmatch(r"[A-Z].*\.", done["message"]), done
    assert done["image_id"] is None
    return done


def saved(bed: Bed, snapshot: str) -> Any:
    """It ended with an image that can be pulled, with what was to be saved in it."""
    done = bed.ended(snapshot)
    assert done["state"] == "Saved", done
    digest = bed.alice.get(f"images/{done['image_id']}")["digest"]
    docker("pull", "--quiet", digest)
    options = ["--rm", "--network=none", "--entrypoint=sha256sum"]
    there = docker("run", *options, digest, "/opt/venv/random")
    docker("image", "rm", digest)
    assert there == bed.bench.execute(bed.item, "sha256sum", "/opt/venv/random")
    return done


def test_a_registry_that_is_down_before_is_told(bed: Bed) -> None:
    bed.registry.stop()
    try:
        snapshot = bed.begin("down before")
        failed(bed, snapshot, "RegistryUnreachable", "engine_failed")
    finally:
        bed.registry.start()


def test_a_registry_that_is_restarted_half_way_gets_all_of_it(bed: Bed) -> None:
    snapshot = bed.begin_until("Copying", "restarted")
    bed.registry.kill()
    bed.proxy.release()
    bed.registry.start()
    saved(bed, snapshot)


def test_a_registry_that_goes_away_and_stays_away_can_be_given_up(bed: Bed) -> None:
    before = bed.stored()
    snapshot = bed.begin_until("Copying", "away")
    bed.registry.stop()
    try:
        bed.proxy.release()
        bed.cancel(snapshot)
        assert bed.ended(snapshot)["state"] == "Cancelled"
        bed.is_whole()
    finally:
        bed.registry.start()
    assert bed.stored() == before
    # Nobody could ask it to forget what it had.
    bed.registry.purge()


@pytest.mark.skipif(not FULL, reason="the agent bears with a registry for a minute")
def test_a_registry_that_goes_away_and_stays_away_is_told(bed: Bed) -> None:
    before = bed.stored()
    snapshot = bed.begin_until("Copying", "away for good")
    bed.registry.stop()
    try:
        bed.proxy.release()
        failed(bed, snapshot, "RegistryUnreachable")
    finally:
        bed.registry.start()
    assert bed.stored() == before
    bed.registry.purge()


@pytest.mark.parametrize("phase", ["Copying", "Pushing"])
def test_a_registry_that_says_another_digest_is_not_believed(bed: Bed, phase: str) -> None:
    before = bed.stored()
    snapshot = bed.begin_until(phase, "another digest")
    wrong = b"Docker-Content-Digest: sha256:" + b"0" * 64
    bed.proxy.lie(lambda data: re.sub(rb"Docker-Content-Digest: sha256:\w{64}", wrong, data))
    bed.proxy.release()
    done = failed(bed, snapshot, "RegistryFailed")
    assert "0" * 64 in done["message"]
    bed.proxy.lie(None)
    assert bed.stored() == before


def test_a_registry_whose_disk_is_full_is_told(bed: Bed) -> None:
    before = bed.stored()
    snapshot = bed.begin_until("Copying", "full disk")
    filler = bed.registry.storage.parent / "filler"
    room = os.statvfs(filler.parent)
    try:
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, (room.f_bavail - 1000) * room.f_bsize)
        bed.proxy.release()
        failed(bed, snapshot, "DiskFull")
    finally:
        filler.unlink()
    assert bed.stored() == before
    # Docker's registry does not know an upload any more that it had no room for, and keeps it.
    bed.registry.purge()


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_agent_leaves_no_image(bed: Bed, phase: str) -> None:
    before = bed.stored()
    snapshot = bed.begin_until(phase, "agent dies")
    docker("kill", bed.agent(snapshot))
    bed.proxy.cut()
    failed(bed, snapshot, "HelperEnded")
    bed.proxy.release()
    assert bed.stored() == before
    bed.registry.purge()


def test_an_agent_that_is_killed_when_all_was_done_leaves_no_tag(bed: Bed) -> None:
    before = bed.stored()
    bed.fill(bed.item)
    bed.proxy.hold(TAGGING, answers=True)
    snapshot = bed.begin("dies at the end")
    bed.proxy.wait_until_held()
    assert bed.stored() > before, "the registry has the image and the agent does not know it"
    docker("kill", bed.agent(snapshot))
    bed.proxy.cut()
    failed(bed, snapshot, "HelperEnded")
    bed.proxy.release()
    eventually(lambda: bed.stored() == before, 30)


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_control_goes_on_where_it_was(bed: Bed, phase: str) -> None:
    snapshot = bed.begin_until(phase, f"control dies while {phase}")
    bed.bench.kill("control")
    bed.bench.wait_until_ready()
    bed.proxy.release()
    saved(bed, snapshot)
    named = [i for i in bed.alice.get("images")["items"] if i["name"].endswith(phase)]
    assert len(named) == 1


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancelled_snapshot_leaves_nothing(bed: Bed, phase: str) -> None:
    before = bed.stored()
    snapshot = bed.begin_until(phase, "cancelled")
    bed.cancel(snapshot)
    assert bed.ended(snapshot)["state"] == "Cancelled"
    bed.proxy.release()
    assert bed.stored() == before


def test_a_snapshot_that_is_cancelled_when_all_was_done_is_one_or_the_other(bed: Bed) -> None:
    before = bed.stored()
    bed.fill(bed.item)
    bed.proxy.hold(TAGGING, answers=True)
    snapshot = bed.begin("late")
    bed.proxy.wait_until_held()
    bed.cancel(snapshot)
    bed.proxy.release()
    done = bed.ended(snapshot)
    assert done["state"] in ("Saved", "Cancelled")
    assert (done["image_id"] is not None) == (done["state"] == "Saved")
    assert (bed.stored() > before) == (done["state"] == "Saved")


@pytest.mark.parametrize("act", ["stop", "delete"])
def test_an_instance_that_ends_meanwhile_ends_its_snapshot(bed: Bed, act: str) -> None:
    before = bed.stored()
    other = bed.alice.running(display_name=f"to {act}")
    snapshot = bed.begin_until("Copying", act, other)
    if act == "stop":
        assert bed.alice.http.post(f"instances/{other['id']}/stop").status_code in (200, 202)
        bed.alice.wait(other["id"], "Stopped")
    bed.alice.delete(other["id"])
    assert bed.ended(snapshot)["state"] == "Cancelled"
    bed.proxy.release()
    assert bed.stored() == before


def test_an_instance_is_saved_once_at_a_time(bed: Bed) -> None:
    snapshot = bed.begin_until("Preparing", "the one")
    second = bed.alice.http.post(
        f"instances/{bed.item['id']}/snapshots", json={"name": "the other"}
    )
    assert second.status_code == 409
    assert "is being saved as 'the one'" in second.json()["detail"]
    bed.proxy.release()
    saved(bed, snapshot)


def test_a_tag_that_two_ask_for_at_once_is_that_of_one(bed: Bed) -> None:
    other = bed.alice.running(display_name="another")
    bed.proxy.hold(PHASES["Pushing"])
    snapshots = [
        bed.begin("one", tag="stable"),
        bed.begin("two", item=other, tag="stable"),
    ]
    bed.proxy.wait_until_held()
    bed.proxy.release()
    images = [bed.ended(snapshot)["image_id"] for snapshot in snapshots]
    tags = [bed.alice.get(f"images/{image}")["tag"] for image in images]
    assert sorted(tags, key=str) == [None, "stable"]
    bed.alice.delete(other["id"])


def test_a_container_that_was_killed_ends_its_snapshot_one_way(bed: Bed) -> None:
    before = bed.stored()
    other = bed.alice.running(display_name="killed")
    snapshot = bed.begin_until("Copying", "killed", other)
    container = bed.bench.inspect(other)["Id"]
    docker("kill", container)
    bed.proxy.release()
    done = bed.ended(snapshot)
    # What was in it is still there to be saved.
    assert done["state"] in ("Saved", "Failed", "Cancelled"), done
    assert (bed.stored() > before) == (done["state"] == "Saved")
    bed.alice.delete(other["id"])


def test_nothing_of_it_is_in_the_engine(bed: Bed) -> None:
    """After all of the above."""
    assert not Path("/proc/mounts").read_text().count("/run/agents/")
    found = subprocess.run(
        ["docker", "image", "ls", "-q", f"{bed.proxy.address}/{bed.repository}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == ""
