"""Helpers on a real engine: what they see and freeze, and what is left when they are killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import pytest
from docker import DockerClient
from docker.models.containers import Container
from tests.polling import eventually

from dsw.agent import AgentRequest, AgentTarget
from dsw.errors import EngineFailed, Unavailable
from dsw.names import container_name
from dsw.settings import Settings
from dsw.snapshots import SnapshotState
from dsw_control.engines import docker_agent, docker_boxes, docker_thaw
from dsw_control.engines.base import SnapshotSource
from dsw_control.engines.docker import DockerEngine
from dsw_control.engines.docker_source import running_freezer
from dsw_control.engines.freezer import freezer_of, is_frozen, thaw

docker_engine = pytest.mark.docker

IMAGE = "dsw-test/odd-helper"
ITEM, SNAPSHOT = "dsw-aaaabbbbcccc", "snap-aaaabbbbcccc"

HELPER = r"""#!/bin/sh
work=/work
say() { echo "{\"state\": \"$1\", \"message\": \"$2\"}"; }
wants() { grep -q "$1" /request/request.json; }
if [ "$1" = forecast ]; then
  wants hangs && sleep infinity
  wants fails && { say Failed 'The files cannot be read.'; exit 1; }
  [ -e /freezer ] && exit 5
  touch "$work/x" 2>/dev/null && exit 6
  echo "{\"size\": $(cat "$work/size"), \"entries\": $(ls /lowers | wc -l)}"
  exit 0
fi
for file in /upper/x /home/x /lowers/000/x /request/x /x; do
  touch $file 2>/dev/null && exit 5
done
touch "$work/x" || exit 6
say Copying "$(cat /upper/inside) $(cat /home/at-home) $(ls /lowers | wc -l)"
if [ -e /freezer/freezer.state ]; then echo FROZEN > /freezer/freezer.state
else echo 1 > /freezer/cgroup.freeze; fi
say Freezing
sleep infinity
"""


@pytest.fixture(scope="module")
def helper_image(debian_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image whose `dsw-agent` freezes its container and goes on for ever."""
    folder = tmp_path_factory.mktemp("helper")
    (folder / "dsw-agent").write_text(HELPER)
    (folder / "dsw-agent").chmod(0o755)
    (folder / "Dockerfile").write_text(f"FROM {debian_image}\nCOPY dsw-agent /usr/bin/\n")
    command = ["docker", "build", "--quiet", "--tag", IMAGE, str(folder)]
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return IMAGE


@pytest.fixture
def client() -> Iterator[DockerClient]:
    if os.geteuid() != 0:
        pytest.skip("freezing a container by hand needs root")
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": str(tmp_path / "data"),
            "installation": f"odd{os.getpid()}"[:12],
            "images": {"agent": IMAGE},
        }
    )


@pytest.fixture
def box(
    client: DockerClient, settings: Settings, helper_image: str, tmp_path: Path
) -> Iterator[Container]:
    """An instance's container that runs, with a file in it and one at home."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "at-home").write_text("home")
    labels = {"dsw.installation": settings.installation, "dsw.kind": "instance", "dsw.id": ITEM}
    made = client.containers.run(
        helper_image,
        ["sh", "-c", "echo in > /inside; exec sleep infinity"],
        detach=True,
        init=True,
        network_mode="none",
        labels=labels,
        volumes={str(home): {"bind": "/mnt/workspace", "mode": "rw"}},
    )
    eventually(lambda: made.exec_run(["test", "-s", "/inside"]).exit_code == 0)
    made.reload()
    freezer = running_freezer(made.attrs)
    assert freezer is not None
    yield made
    made.reload()
    if made.attrs["State"]["Paused"]:
        made.unpause()
    with suppress(FileNotFoundError):
        thaw(freezer)
    for left in client.containers.list(
        all=True, filters={"label": f"dsw.installation={settings.installation}"}
    ):
        left.remove(force=True)


def freezer(box: Container) -> Path:
    box.reload()
    folder = freezer_of(Path("/proc") / str(box.attrs["State"]["Pid"]) / "cgroup", box.id)
    assert folder is not None
    return folder


def freeze(folder: Path) -> None:
    """By hand, as by a helper that nobody remembers."""
    state = folder / "freezer.state"
    file, word = (state, "FROZEN") if state.exists() else (folder / "cgroup.freeze", "1")
    file.write_text(word)
    eventually(lambda: is_frozen(folder))


def a_request(source: SnapshotSource, work: Path, **more: Any) -> AgentRequest:
    work.mkdir(exist_ok=True)
    (work / "size").write_text("7")
    values: dict[str, Any] = {
        "snapshot_id": SNAPSHOT,
        "container": source.container,
        "upper": source.upper,
        "lowers": source.lowers,
        "home": source.home,
        "freezer": source.freezer,
        "work": str(work),
        "base_image": source.base,
        "base_config": source.base_config,
        "mounts": source.mounts,
        "author": "alice",
        "created": datetime(2026, 1, 2, tzinfo=UTC),
        "comment": "",
        "target": AgentTarget(kind="engine", tag="dsw-test/x:latest"),
    }
    return AgentRequest.model_validate(values | more)


@docker_engine
async def test_control_thaws_what_a_killed_helper_left_frozen(
    client: DockerClient, settings: Settings, box: Container, tmp_path: Path
) -> None:
    engine = DockerEngine(settings)
    source = await engine.snapshot_source(ITEM)
    assert source.freezer == str(freezer(box))
    assert not [lower for lower in source.lowers if lower.endswith("-init/diff")]
    await engine.start_agent(a_request(source, tmp_path / "work"))
    helper = client.containers.get(container_name(settings.installation, SNAPSHOT))
    eventually(lambda: is_frozen(freezer(box)), 60)
    status = await engine.agent_status(SNAPSHOT)
    assert status is not None
    assert status.reports[0].state is SnapshotState.COPYING
    assert status.reports[0].message == f"in home {len(source.lowers)}"
    assert await engine.thaw_abandoned() == [], "its helper runs, and sees to it"
    assert is_frozen(freezer(box))
    helper.kill("SIGKILL")
    eventually(lambda: _ended(helper))
    # Control was killed, too: another one finds what stands still.
    await engine.close()
    again = DockerEngine(settings)
    assert await again.thaw_abandoned() == [ITEM]
    assert not is_frozen(freezer(box))
    assert box.exec_run(["echo", "runs"]).output == b"runs\n"
    assert await again.thaw_abandoned() == []
    await again.remove_agent(SNAPSHOT)
    assert await again.agents() == []
    assert not (settings.data / "run" / "agents" / SNAPSHOT).exists()
    await again.close()


@docker_engine
async def test_what_an_operator_paused_stays_paused(
    client: DockerClient, settings: Settings, box: Container
) -> None:
    engine = DockerEngine(settings)
    box.pause()
    folder = freezer(box)
    assert is_frozen(folder)
    assert await engine.thaw_abandoned() == []
    assert is_frozen(folder)
    assert (await engine.snapshot_source(ITEM)).freezer == "", "it stands still already"
    box.unpause()
    assert await engine.thaw_abandoned() == []
    freeze(folder)
    assert await engine.thaw_abandoned() == [ITEM]
    box.stop(timeout=0)
    source = await engine.snapshot_source(ITEM)
    assert source.freezer == ""
    assert await engine.thaw_abandoned() == []
    await engine.close()


@docker_engine
async def test_control_that_is_not_root_thaws_by_a_container(
    settings: Settings, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_folder: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(docker_thaw, "thaw", refused)
    engine = DockerEngine(settings)
    freeze(freezer(box))
    assert await engine.thaw_abandoned() == [ITEM]
    assert not is_frozen(freezer(box))
    assert await engine.agents() == []
    await engine.close()


@docker_engine
async def test_a_forecast_is_told_and_leaves_nothing(
    client: DockerClient,
    settings: Settings,
    box: Container,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = DockerEngine(settings)
    source = await engine.snapshot_source(ITEM)
    name = f"forecast-{ITEM}"
    request = a_request(source, tmp_path / "work", snapshot_id=name)
    told = await engine.run_forecast(request)
    assert (told.size, told.entries) == (7, len(source.lowers))
    assert await engine.agents() == []
    with pytest.raises(EngineFailed, match=r"The files cannot be read\."):
        await engine.run_forecast(request.model_copy(update={"comment": "fails"}))
    (tmp_path / "work" / "size").write_text('"no number"')
    with pytest.raises(EngineFailed, match="The forecast cannot be read"):
        await engine.run_forecast(request)
    monkeypatch.setattr(docker_agent, "FORECAST_SECONDS", 1)
    with pytest.raises(Unavailable, match="was not ready within 1 seconds and was ended"):
        await engine.run_forecast(request.model_copy(update={"comment": "hangs"}))
    assert await engine.agents() == []
    assert not (settings.data / "run" / "agents" / name).exists()
    await engine.close()


def _ended(helper: Container) -> bool:
    helper.reload()
    return bool(helper.attrs["State"]["Status"] == "exited")


OURS = "0123abcd"


@pytest.mark.parametrize(
    ("memberships", "found"),
    [
        (f"12:cpu:/x\n6:freezer:/docker/{OURS}\n0::/\n", f"freezer/docker/{OURS}"),
        (f"6:freezer,cpu:/teams/{OURS}\n", f"freezer/teams/{OURS}"),
        (f"0::/system.slice/docker-{OURS}.scope\n", f"system.slice/docker-{OURS}.scope"),
        ("6:freezer:/\n0::/\n", None),
        ("6:freezer:/docker/another\n", None),
        (f"0::/{OURS}/nested\n", None),
    ],
)
def test_the_freezer_is_the_containers_own_or_none(
    tmp_path: Path, memberships: str, found: str | None
) -> None:
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "membership").write_text(memberships)
    expected = tmp_path / found if found else None
    assert freezer_of(tmp_path / "membership", OURS, tmp_path) == expected
    assert freezer_of(tmp_path / "none", OURS, tmp_path) is None


def test_both_versions_of_cgroups_are_read_and_thawed(tmp_path: Path) -> None:
    first, second = tmp_path / "v1", tmp_path / "v2"
    for folder, file, frozen in (
        (first, "freezer.self_freezing", "1\n"),
        (second, "cgroup.freeze", "1\n"),
    ):
        folder.mkdir()
        (folder / file).write_text("0\n")
        assert not is_frozen(folder)
        (folder / file).write_text(frozen)
        assert is_frozen(folder)
    (first / "freezer.state").write_text("FROZEN\n")
    thaw(first)
    thaw(second)
    assert (first / "freezer.state").read_text() == "THAWED"
    assert not is_frozen(second)
    assert not is_frozen(tmp_path / "gone")


@docker_engine
def test_a_helper_that_a_killed_control_made_and_never_started_begins(
    client: DockerClient, debian_image: str
) -> None:
    box = client.containers.create(debian_image, ["true"], network_mode="none")
    try:
        docker_boxes.begun(box)
        assert box.wait(timeout=60)["StatusCode"] == 0
        box.reload()
        ended = box.attrs["State"]["FinishedAt"]
        assert docker_boxes.begun(box).attrs["State"]["FinishedAt"] == ended, "once only"
    finally:
        box.remove(force=True)
