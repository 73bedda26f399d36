"""Starts that fail, each with its reason and sentence, and with nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.dsw_spawners.conftest import Bench, container_bench, containers, docker, inspect
from tests.dsw_spawners.images import (
    CannotRun,
    DiesAfterStart,
    EatsMemory,
    Misbehaving,
    NeverAnswers,
)
from tests.dsw_spawners.plans import MIB
from tests.polling import eventually

from dsw.events import Phase, PhaseReport
from dsw.names import container_name

pytestmark = pytest.mark.docker

IMPATIENT_TOML = """
[control]
port = CONTROL_PORT
[engine]
kind = "docker"
start_timeout = 60
answer_timeout = 6
"""


@pytest.fixture(scope="module")
def impatient_bench(
    minimal_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """A hub that waits six seconds for a server to answer."""
    folder = tmp_path_factory.mktemp("impatient")
    with container_bench(folder, IMPATIENT_TOML, minimal_image) as made:
        yield made


def fail(bench: Bench, name: str, **plan: Any) -> PhaseReport:
    """Start a server that cannot start; the one failure that was reported."""
    bench.planner.next = plan
    try:
        bench.start(name)
        failure = bench.control.wait_for(bench.instance(name), Phase.FAILED)
    finally:
        bench.planner.next = {}
    eventually(lambda: bench.server(name).get("stopped"), 30)
    reports = [
        report
        for instance_id, report in bench.control.reports
        if (instance_id, report.attempt) == (bench.instance(name), failure.attempt)
    ]
    assert [report for report in reports if report.phase is Phase.FAILED] == [failure]
    assert reports[-1] is failure
    return failure


def nothing_is_left(bench: Bench, name: str) -> None:
    """No container and no environment of this server."""
    container = container_name(bench.installation, bench.instance(name))
    assert container not in containers(bench.installation)
    assert not bench.environment_file(bench.instance(name)).exists()


@pytest.mark.parametrize(
    ("image", "reason", "words"),
    [
        (NeverAnswers, "NeverAnswered", ["within 6 seconds", "waiting for the licence server"]),
        (DiesAfterStart, "Exited", ["exit code 3", "no disk left"]),
        (EatsMemory, "OutOfMemory", ["128 MiB of memory", "larger spec"]),
        (CannotRun, "EngineFailed", ["starting the container", "/no/such/program"]),
    ],
    ids=lambda value: value.name if isinstance(value, Misbehaving) else None,
)
def test_a_server_that_cannot_start_is_explained_and_removed(
    impatient_bench: Bench, image: Misbehaving, reason: str, words: list[str]
) -> None:
    failure = fail(impatient_bench, image.name[:12], image_digest=image.build(), memory=128 * MIB)
    assert failure.reason == reason
    for word in words:
        assert word in failure.message
    nothing_is_left(impatient_bench, image.name[:12])


def test_an_image_that_is_gone_is_named(impatient_bench: Bench) -> None:
    failure = fail(impatient_bench, "gone", image_digest="sha256:" + "f" * 64, image_name="old")
    assert failure.reason == "ImageGone"
    assert failure.message.startswith("The image old is not on this engine any more")
    nothing_is_left(impatient_bench, "gone")


def test_a_missing_network_or_home_is_a_sentence(impatient_bench: Bench) -> None:
    failure = fail(impatient_bench, "no-network", network="dsw-no-such-network")
    assert failure.reason == "EngineFailed"
    assert "dsw-no-such-network not found" in failure.message
    nothing_is_left(impatient_bench, "no-network")
    mounts = [{"kind": "bind", "source": "/no/such/folder", "target": "/mnt/workspace"}]
    failure = fail(impatient_bench, "no-home", mounts=mounts)
    assert failure.reason == "EngineFailed"
    assert "/no/such/folder" in failure.message
    nothing_is_left(impatient_bench, "no-home")


def test_the_hub_shows_the_same_sentence_and_no_traceback(impatient_bench: Bench) -> None:
    impatient_bench.planner.next = {"image_digest": DiesAfterStart.build()}
    try:
        events = impatient_bench.start_and_watch("shown")
    finally:
        impatient_bench.planner.next = {}
    assert events[-1]["failed"]
    assert "ended with exit code 3 before it answered" in events[-1]["message"]
    assert "Traceback" not in impatient_bench.hub.log.read_text()


def test_a_kept_container_is_stopped_but_not_removed_when_its_start_fails(
    impatient_bench: Bench,
) -> None:
    """The server runs once; then its program is broken from inside, as a user could."""
    bench = impatient_bench
    instance_id = bench.run("flaky")
    name = container_name(bench.installation, instance_id)
    docker("exec", name, "sh", "-c", "mv /opt/venv/bin/jupyterhub-singleuser /opt/venv/bin/old")
    before = inspect(name)["Id"]
    bench.stop("flaky")
    failure = fail(bench, "flaky")
    assert failure.reason == "Exited"
    container = inspect(name)
    assert container["Id"] == before
    assert not container["State"]["Running"]
    assert not bench.environment_file(instance_id).exists()
