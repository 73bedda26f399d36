"""How a snapshot ends without an image: a sentence, a code word, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import (
    LABEL,
    Box,
    Outcome,
    a_request,
    a_tag,
    finish,
    outcome,
    start_agent,
)
from tests.polling import eventually

from dsw.agent import AgentTarget
from dsw.snapshots import SnapshotState

pytestmark = pytest.mark.docker

Save = Callable[..., Outcome]


def refused(done: Outcome, reason: str) -> str:
    """The sentence of a failed snapshot."""
    assert done.code == 1
    assert done.last.state is SnapshotState.FAILED
    assert done.last.reason == reason
    assert "Traceback" not in done.errors
    return done.last.message


def ours(engine: DockerClient) -> set[str]:
    """The images, tagged or not, that tests of the agent made."""
    return {str(image.id) for image in engine.images.list(all=True, filters={"label": LABEL})}


def test_a_users_file_that_looks_like_a_deletion_is_refused_by_name(box: Box, save: Save) -> None:
    box.sh("mkdir /opt/x; touch /opt/x/.wh.mine /opt/.wh..wh..opq")
    Path(os.fsdecode(bytes(box.root) + b"/opt/.wh.\xff")).touch()
    sentence = refused(save(a_request(box)), "UnsupportedFile")
    assert "/opt/x/.wh.mine" in sentence
    assert "/opt/.wh..wh..opq" in sentence
    assert "/opt/.wh.\ufffd" in sentence


@pytest.mark.parametrize("attribute", ["redirect", "metacopy"])
def test_overlay_features_that_layers_lack_are_refused_by_name(
    box: Box, save: Save, attribute: str
) -> None:
    box.sh("mkdir /opt/moved")
    os.setxattr(box.upper / "opt/moved", f"trusted.overlay.{attribute}", b"/elsewhere")
    sentence = refused(save(a_request(box)), "UnsupportedFile")
    assert "/opt/moved" in sentence
    assert f"trusted.overlay.{attribute}" in sentence


def test_missing_base_layers_are_told(box: Box, save: Save) -> None:
    base = box.base_config()
    base["rootfs"]["diff_ids"] = [f"sha256:{'1' * 64}"]
    sentence = refused(save(a_request(box, base_config=json.dumps(base))), "BaseLayersMissing")
    assert "layers of the base image" in sentence


def test_a_base_configuration_that_is_none_is_told(box: Box, save: Save) -> None:
    for text in ("{}", "[]", "no JSON", '{"rootfs": {}}'):
        refused(save(a_request(box, base_config=text)), "InvalidRequest")


def test_a_missing_upper_directory_is_told(box: Box, save: Save) -> None:
    assert "/nowhere" in refused(save(a_request(box, upper="/nowhere")), "UpperUnreadable")


def test_a_tag_that_the_engine_refuses_leaves_no_image(
    engine: DockerClient, box: Box, save: Save
) -> None:
    before = ours(engine)
    target = AgentTarget(kind="engine", tag="UPPER CASE:x")
    sentence = refused(save(a_request(box, target)), "EngineFailed")
    assert "invalid reference format" in sentence
    assert ours(engine) <= before


def test_a_request_that_is_none_is_told_without_its_values(tmp_path: Path, box: Box) -> None:
    request = a_request(box).model_copy(update={"mounts": "secret-value"})
    with pytest.warns(UserWarning, match="serialize"):
        done = finish(start_agent(request, tmp_path))
    sentence = refused(done, "InvalidRequest")
    assert "mounts" in sentence
    assert "secret-value" not in sentence + done.errors


def test_cancelling_the_copy_leaves_nothing(engine: DockerClient, box: Box, tmp_path: Path) -> None:
    with (box.root / "opt/huge").open("wb") as file:
        file.truncate(10_000_000_000)
    before = ours(engine)
    tag = a_tag()
    agent = start_agent(a_request(box, AgentTarget(kind="engine", tag=tag)), tmp_path)
    assert agent.stdout is not None
    lines: list[str] = []
    while not lines or "Copying" not in lines[-1]:
        lines.append(agent.stdout.readline())
    agent.send_signal(signal.SIGTERM)
    done = finish(agent, timeout=30)
    assert done.code == 3
    assert done.last.state is SnapshotState.CANCELLED
    assert ours(engine) <= before
    work = Path(engine.info()["DockerRootDir"]) / "tmp"
    assert eventually(lambda: not list(work.glob("docker-import-*")), timeout=60)


def test_an_answer_that_is_cancelled_late_removes_the_image(
    engine: DockerClient, box: Box, tmp_path: Path
) -> None:
    box.sh("head -c 300000000 /dev/urandom > /opt/big")
    before = ours(engine)
    agent = start_agent(a_request(box), tmp_path)
    assert agent.stdout is not None
    lines: list[str] = []
    while not lines or "Pushing" not in lines[-1]:
        lines.append(agent.stdout.readline())
    agent.send_signal(signal.SIGTERM)
    output, errors = agent.communicate(timeout=60)
    done = outcome(agent.returncode, "".join(lines) + output, errors)
    assert done.code == 3
    assert ours(engine) <= before
