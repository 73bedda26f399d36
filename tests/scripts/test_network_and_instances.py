"""What `up` makes in the engine and what `down` ends there, without touching others' things."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from tests.polling import eventually

from dsw.names import network_name
from workbench import instances, network
from workbench.folders import Folders
from workbench.processes import Process


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    made = docker.from_env()
    yield made
    made.close()


@pytest.fixture
def installation(client: docker.DockerClient) -> Iterator[str]:
    """A name of the test's own; whatever carries it in the engine is removed."""
    name = f"t{secrets.token_hex(4)}"
    mine = {"label": f"{network.LABEL}={name}"}
    yield name
    for container in client.containers.list(all=True, filters=mine):
        container.remove(force=True)
    for made in client.networks.list(filters=mine):
        made.remove()


def a_sleeper(client: docker.DockerClient, image: str, installation: str) -> Container:
    labels = {network.LABEL: installation}
    command = ["sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait"]
    return client.containers.run(image, command, detach=True, labels=labels)


@pytest.mark.docker
def test_the_network_is_made_once_with_an_address_of_this_host(
    client: docker.DockerClient, installation: str
) -> None:
    gateway = network.ensure(installation)
    assert network.is_local(gateway)
    assert network.ensure(installation) == gateway
    (made,) = client.networks.list(names=[network_name(installation)])
    made.reload()
    assert made.attrs["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert made.attrs["Labels"][network.LABEL] == installation


@pytest.mark.docker
def test_containers_of_this_installation_are_stopped_and_kept(
    client: docker.DockerClient, installation: str, debian_image: str
) -> None:
    mine = a_sleeper(client, debian_image, installation)
    other = a_sleeper(client, debian_image, f"{installation}x")
    try:
        assert instances.stop_containers(installation) == 1
        mine.reload()
        other.reload()
        assert (mine.status, other.status) == ("exited", "running")
        assert instances.stop_containers(installation) == 0
    finally:
        other.remove(force=True)


@pytest.fixture
def start_process() -> Iterator[Callable[[str], Process]]:
    """Starts a process as the spawner marks it, for an instance's id."""
    with ExitStack() as children:

        def start(instance: str) -> Process:
            child = subprocess.Popen(
                [sys.executable, "-c", "input()"],
                stdin=subprocess.PIPE,
                env={**os.environ, "DSW_INSTANCE_ID": instance},
            )
            children.enter_context(child)
            children.callback(child.kill)
            return eventually(lambda: Process.of(child.pid))

        yield start


def test_processes_of_this_installations_instances_are_ended(
    tmp_path: Path, start_process: Callable[[str], Process]
) -> None:
    folders = Folders(tmp_path)
    mine, foreign = "dsw-aaaaaaaaaaaa", "dsw-bbbbbbbbbbbb"
    (folders.run / "instances" / mine).mkdir(parents=True)
    server, kernel, other = (start_process(owner) for owner in (mine, mine, foreign))
    assert instances.stop_processes(folders) == 1
    assert (server.runs, kernel.runs, other.runs) == (False, False, True)
    assert instances.stop_processes(folders) == 0
