"""A real engine, a real registry, and containers to take snapshots of."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import LABEL, Box, Outcome, a_box, a_request, finish, start_agent
from tests.images.builds import builder

from dsw.agent import AgentRequest
from dsw.images_build import find_catalog
from dsw.images_build.wheel import project_wheel


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """The engine; images that a test made are removed in the end."""
    if os.geteuid() != 0:
        pytest.skip("reading an upper directory needs root")
    client = docker.from_env()
    yield client
    for image in client.images.list(filters={"label": LABEL}):
        for tag in image.tags or [image.id]:
            client.images.remove(tag, force=True)
    client.close()


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """After the test there are the threads that there were before."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def start_box(engine: DockerClient, debian_image: str) -> Iterator[Callable[..., Box]]:
    """Starts containers, of Debian when no image is named."""
    with ExitStack() as stack:

        def start(image: str = debian_image, **options: Any) -> Box:
            return stack.enter_context(a_box(engine, image, **options))

        yield start


@pytest.fixture
def box(start_box: Callable[..., Box]) -> Box:
    """A running Debian container."""
    return start_box()


@pytest.fixture
def save(tmp_path: Path) -> Callable[[AgentRequest], Outcome]:
    """Runs the agent to its end."""
    return lambda request: finish(start_agent(request, tmp_path))


@pytest.fixture
def saved_box(
    save: Callable[[AgentRequest], Outcome], start_box: Callable[..., Box]
) -> Callable[..., Box]:
    """Saves a box in the engine and starts another from the image."""

    def act(box: Box, **changes: Any) -> Box:
        done = save(a_request(box, **changes))
        assert done.code == 0, (done.last, done.errors)
        return start_box(done.last.image)

    return act


@pytest.fixture(scope="session")
def agent_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The agent's image, built from this checkout (with a copy of its wheel, as another build
    may replace it meanwhile)."""
    wheel = project_wheel(find_catalog(), None)
    copy = Path(shutil.copy(wheel, tmp_path_factory.mktemp("wheel")))
    return builder(copy).build("agent").reference


@pytest.fixture(scope="session")
def base_with_secret(engine: DockerClient, debian_image: str) -> str:
    """An image with environment, labels, entry point, and a file that no image should bring."""
    dockerfile = f"""
FROM {debian_image}
ENV TEAM=vision MODE=train
LABEL org.example.kind=base {LABEL}=""
ENTRYPOINT ["/bin/echo", "entry"]
CMD ["point"]
USER 1000:1000
WORKDIR /srv
RUN ["true"]
USER root
RUN echo machine example.org > /root/.netrc && mkdir -p /srv/model && echo 1 > /srv/model/v1
"""
    built = subprocess.run(
        ["docker", "build", "--quiet", "--network=none", "-"],
        input=dockerfile.encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    return built.stdout.decode().split()[-1]
