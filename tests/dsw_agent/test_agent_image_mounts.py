"""The agent mounts from its own container, with the rights that control gives it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.types import Mount
from tests.dsw_agent.boxes import LABEL
from tests.dsw_agent.nodes import INSTANCE

from dsw.node_mounts import Area, Attach, Detach, NodeMountResult, NodeMountsRequest
from dsw_agent.mounting import table

pytestmark = pytest.mark.docker


@pytest.fixture
def shared(engine: DockerClient) -> Iterator[Path]:
    """The node's folder, below the engine's, which is a shared mount."""
    folder = Path(engine.info()["DockerRootDir"], f"dsw-test-{uuid.uuid4().hex[:8]}")
    yield folder
    assert table.below(str(folder)) == []
    shutil.rmtree(folder)


def run(
    engine: DockerClient, image: str, command: list[str], folder: Path, shared: Path, **options: Any
) -> tuple[int, str]:
    box = engine.containers.run(
        image,
        command,
        detach=True,
        labels={LABEL: ""},
        user="0:0",
        cap_drop=["ALL"],
        cap_add=["SYS_ADMIN", "DAC_OVERRIDE", "DAC_READ_SEARCH"],
        security_opt=["apparmor=unconfined", "no-new-privileges:true"],
        read_only=True,
        tmpfs={"/stage": "size=1m,mode=700"},
        network_mode="none",
        mounts=[
            Mount("/request", str(folder), type="bind", read_only=True),
            Mount("/roots/0", str(folder), type="bind", read_only=True),
        ],
        volumes={str(shared): {"bind": "/shared", "mode": "rw", "propagation": "rshared"}},
        **options,
    )
    try:
        code = box.wait(timeout=120)["StatusCode"]
        return code, box.logs(stdout=True, stderr=code != 0).decode()
    finally:
        box.remove(force=True)


def test_a_helper_mounts_on_the_node_and_takes_it_away(
    engine: DockerClient, agent_image: str, shared: Path, tmp_path: Path
) -> None:
    step = Attach(
        instance_id=INSTANCE,
        area=Area.DATA,
        name="photos",
        read_only=True,
        seen="/roots/0",
        path="train",
    )
    (tmp_path / "train").mkdir()
    (tmp_path / "train/cat.txt").write_text("a cat")

    def done(request: NodeMountsRequest) -> NodeMountResult:
        (tmp_path / "request.json").write_text(request.model_dump_json())
        command = ["dsw-agent", "mounts", "/request/request.json"]
        code, output = run(engine, agent_image, command, tmp_path, shared)
        assert code == 0, output
        return NodeMountResult.model_validate_json(output)

    assert done(NodeMountsRequest(attach=[step])).ok
    point = shared / "instances" / INSTANCE / "data/photos"
    try:
        assert (point / "cat.txt").read_text() == "a cat"
        with pytest.raises(OSError, match="Read-only file system"):
            (point / "new").touch()
    finally:
        assert done(NodeMountsRequest(detach=[Detach(instance_id=INSTANCE)])).ok
    assert os.listdir(shared / "instances") == []


def test_the_image_has_what_it_mounts_with(
    engine: DockerClient, agent_image: str, shared: Path, tmp_path: Path
) -> None:
    script = "rclone version && fusermount3 --version && git --version"
    code, output = run(engine, agent_image, ["sh", "-c", script], tmp_path, shared)
    assert code == 0, output
    assert {"rclone", "fusermount3", "git"} <= set(output.split())
