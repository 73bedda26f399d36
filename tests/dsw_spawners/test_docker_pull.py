"""Pulling an absent image: its figures, a real registry, and the ways in which it fails."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest
from tests.dsw_control.odd_registries import says, served
from tests.dsw_spawners.conftest import IMAGE, Bench, docker
from tests.dsw_spawners.images import build
from tests.ports import an_unused_port
from tests.pushes import image_config, push

from dsw.events import Phase
from dsw_spawners.docker_pull import PullProgress


def entry(layer: str, status: str, current: int = 0, total: int = 0) -> dict[str, object]:
    """One entry of the engine's stream."""
    detail = {"current": current, "total": total} if total else {}
    return {"id": layer, "status": status, "progressDetail": detail}


def test_bytes_are_summed_over_the_layers() -> None:
    progress = PullProgress()
    progress.add({"status": "Pulling from library/x", "id": "latest"})
    assert progress.percent is None
    progress.add(entry("a", "Already exists"))
    progress.add(entry("b", "Downloading", 10, 100))
    progress.add(entry("c", "Downloading", 30, 300))
    assert (progress.bytes_done, progress.bytes_total, progress.percent) == (40, 400, 10)
    progress.add(entry("b", "Download complete"))
    progress.add(entry("b", "Extracting", 3, 100))
    assert progress.bytes_done == 130
    step = progress.step("base")
    assert step.message == "Pulling the image base: 130 B of 400 B (32 %)"
    assert (step.bytes_done, step.bytes_total) == (130, 400)


def test_an_error_in_the_stream_is_kept() -> None:
    progress = PullProgress()
    progress.add({"error": "unauthorized"})
    assert progress.error == "unauthorized"


@pytest.fixture
def registry(start_registry: Callable[..., str]) -> str:
    """A registry on loopback, as host:port."""
    return start_registry()


@pytest.fixture
def pushed(registry: str, minimal_image: str) -> Iterator[str]:
    """An image with a layer of 20 MiB that only the registry has, as `repository@digest`."""
    nonce = secrets.token_hex(8)
    image = build(
        f"FROM {IMAGE}\nRUN echo {nonce} && head -c 20M /dev/urandom > /opt/venv/ballast\n",
        f"pull-{nonce}",
    )
    reference = f"{registry}/dsw/pulled:1"
    docker("tag", image, reference)
    docker("push", "--quiet", reference)
    digest = docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", image)
    docker("rmi", "--force", image)
    yield digest
    subprocess.run(["docker", "rmi", "--force", digest], capture_output=True, check=False)


@pytest.mark.docker
def test_an_absent_image_is_pulled_by_its_digest_and_the_bytes_are_shown(
    docker_bench: Bench, pushed: str
) -> None:
    reference = pushed.partition("@")[0] + ":1"
    docker_bench.planner.next = {
        "image_digest": pushed,
        "image_reference": reference,
        "image_name": "pulled",
    }
    try:
        events = docker_bench.start_and_watch("pulled")
    finally:
        docker_bench.planner.next = {}
    instance_id = docker_bench.instance("pulled")
    docker_bench.control.wait_for(instance_id, Phase.SERVER_ANSWERING)
    assert docker_bench.control.phases(instance_id)[:3] == [
        Phase.ADMITTED,
        Phase.IMAGE_PULLING,
        Phase.IMAGE_PRESENT,
    ]
    figures = [
        report
        for name, report in docker_bench.control.reports
        if name == instance_id and report.bytes_total
    ]
    assert figures
    assert figures[-1].bytes_total is not None
    assert figures[-1].bytes_total > 20 * 2**20
    assert any(event["message"].startswith("Pulling the image pulled: ") for event in events)
    docker_bench.stop("pulled", remove=True)


@pytest.mark.docker
def test_an_image_that_left_its_registry_is_gone(docker_bench: Bench, registry: str) -> None:
    docker_bench.planner.next = {
        "image_digest": f"{registry}/dsw/never@sha256:{'e' * 64}",
        "image_reference": f"{registry}/dsw/never:1",
    }
    try:
        docker_bench.start("never")
        failure = docker_bench.control.wait_for(docker_bench.instance("never"), Phase.FAILED)
    finally:
        docker_bench.planner.next = {}
    assert failure.reason == "ImageGone"
    assert "not in its registry any more" in failure.message


@pytest.mark.docker
def test_a_registry_that_does_not_answer_fails_the_pull(docker_bench: Bench) -> None:
    reference = f"127.0.0.1:{an_unused_port()}/dsw/x"
    docker_bench.planner.next = {
        "image_digest": f"{reference}@sha256:{'e' * 64}",
        "image_reference": f"{reference}:1",
    }
    try:
        docker_bench.start("unreachable")
        failure = docker_bench.control.wait_for(docker_bench.instance("unreachable"), Phase.FAILED)
    finally:
        docker_bench.planner.next = {}
    assert failure.reason == "ImagePullFailed"
    assert reference in failure.message


@pytest.mark.docker
def test_what_a_host_answers_to_the_engine_is_shown_to_nobody(docker_bench: Bench) -> None:
    """Any service on the engine's own loopback may be named as a registry."""
    with served(lambda *_: says(b"<p>of an internal service</p>", 404)) as service:
        reference = f"{service.address}/dsw/x"
        docker_bench.planner.next = {
            "image_digest": f"{reference}@sha256:{'e' * 64}",
            "image_reference": f"{reference}:1",
        }
        try:
            docker_bench.start("curious")
            failure = docker_bench.control.wait_for(docker_bench.instance("curious"), Phase.FAILED)
        finally:
            docker_bench.planner.next = {}
    assert service.asked
    assert "internal service" not in failure.message


@pytest.mark.docker
def test_the_login_of_the_plan_opens_a_registry_and_a_wrong_one_does_not(
    docker_bench: Bench, start_registry: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "htpasswd"
    hashed = bcrypt.hashpw(b"right-password", bcrypt.gensalt(5)).decode()
    file.write_text(f"robot:{hashed}\n")
    auth = f'auth: {{htpasswd: {{realm: tests, path: "{file}"}}}}'
    address = start_registry(auth)
    digest = push(address, "closed:1", image_config({}), auth=("robot", "right-password"))
    docker_bench.planner.next = {
        "image_digest": f"{address}/closed@{digest}",
        "image_reference": f"{address}/closed:1",
    }
    try:
        for number, password in enumerate(("wrong-password", "right-password")):
            login = {"username": "robot", "secret": password}
            docker_bench.planner.next["registry_login"] = login
            docker_bench.start(f"closed-{number}")
            instance = docker_bench.instance(f"closed-{number}")
            failure = docker_bench.control.wait_for(instance, Phase.FAILED)
            # An image without layers is pulled, and then cannot run.
            there = Phase.IMAGE_PRESENT in docker_bench.control.phases(instance)
            assert there is (password == "right-password"), failure.message
            assert password not in failure.message
    finally:
        docker_bench.planner.next = {}
        name = f"{address}/closed@{digest}"
        subprocess.run(["docker", "rmi", "--force", name], capture_output=True, check=False)
