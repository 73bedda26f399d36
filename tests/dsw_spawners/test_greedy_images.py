"""Images that ask for GPUs and have the host load code, by their environment; a real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient, from_env
from tests.dsw_spawners.conftest import IMAGE
from tests.dsw_spawners.images import build
from tests.dsw_spawners.plans import a_plan

from dsw_spawners import docker_args

pytestmark = pytest.mark.docker

GREEDY = f"""
FROM {IMAGE}
ENV NVIDIA_VISIBLE_DEVICES=all AMD_VISIBLE_DEVICES=all TEAM=vision
ENV LD_AUDIT=/opt/evil.so GCONV_PATH=/opt
ENTRYPOINT ["env"]
CMD []
"""


@pytest.fixture
def engine() -> Iterator[DockerClient]:
    """The engine of this host."""
    client = from_env()
    yield client
    client.close()


@pytest.mark.parametrize(("gpus", "said"), [([], "void"), (["GPU-1"], "GPU-1")])
def test_what_an_image_says_to_the_host_does_not_reach_the_container(
    engine: DockerClient, gpus: list[str], said: str
) -> None:
    plan = a_plan(image_digest=build(GREEDY, "greedy"), gpu_devices=gpus)
    made = engine.api.create_container(
        network_disabled=True, **docker_args.create_arguments(plan, {})
    )
    container = engine.containers.get(made["Id"])
    try:
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 0
        lines = container.logs().decode().splitlines()
    finally:
        container.remove(force=True)
    environment = dict(line.partition("=")[::2] for line in lines)
    assert environment["NVIDIA_VISIBLE_DEVICES"] == said
    assert environment["TEAM"] == "vision"
    assert not {"AMD_VISIBLE_DEVICES", "LD_AUDIT", "LD_PRELOAD", "GCONV_PATH"} & environment.keys()
