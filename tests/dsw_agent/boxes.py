"""A real container to take snapshots of, and the agent as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.models.containers import Container

from dsw.agent import AgentReport, AgentRequest, AgentTarget

LABEL = "dsw-test-agent"


class Box:
    """A running container; `root` is its file system as this host sees it."""

    def __init__(self, engine: DockerClient, container: Container) -> None:
        self.engine = engine
        self.container = container
        container.reload()
        self.root = Path(f"/proc/{container.attrs['State']['Pid']}/root")
        self.upper = Path(container.attrs["GraphDriver"]["Data"]["UpperDir"])

    def sh(self, command: str) -> str:
        """Run a command in it; its output."""
        code, output = self.container.exec_run(["sh", "-euc", command])
        assert code == 0, output.decode()
        return str(output.decode())

    def base_config(self) -> dict[str, Any]:
        """The raw configuration of the image that it runs, from the engine's own store."""
        store = Path(self.engine.info()["DockerRootDir"]) / "image/overlay2/imagedb/content"
        text = (store / self.container.attrs["Image"].replace(":", "/")).read_text()
        tree: dict[str, Any] = json.loads(text)
        return tree

    def mounts(self) -> list[str]:
        """Its mount points."""
        return [mount["Destination"] for mount in self.container.attrs["Mounts"]]


@contextmanager
def a_box(engine: DockerClient, image: str, **options: Any) -> Iterator[Box]:
    """A container that sleeps until it is removed."""
    usual: dict[str, Any] = {
        "entrypoint": ["sleep", "infinity"],
        "command": [],
        "detach": True,
        "init": True,
        "network_mode": "none",
        "labels": {LABEL: ""},
    }
    container = engine.containers.run(image, **usual | options)
    try:
        yield Box(engine, container)
    finally:
        container.remove(force=True)


@dataclass
class Outcome:
    """What an agent's run left: exit code, report lines, and what it wrote besides."""

    code: int
    reports: list[AgentReport]
    errors: str
    last: AgentReport = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.reports[-1]


def outcome(code: int, output: str, errors: str = "") -> Outcome:
    """Every line of the output has to be a report."""
    reports = [AgentReport.model_validate(json.loads(line)) for line in output.splitlines()]
    return Outcome(code, reports, errors)


def a_request(box: Box, target: AgentTarget | None = None, **changes: Any) -> AgentRequest:
    """A request to save the box, in the engine under a new tag when no target is given."""
    values: dict[str, Any] = {
        "snapshot_id": "snap-aaaaaaaaaaaa",
        "upper": str(box.upper),
        "base_image": box.container.attrs["Image"],
        "base_config": json.dumps(box.base_config()),
        "mounts": box.mounts(),
        "labels": {LABEL: ""},
        "author": "alice",
        "created": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "comment": "a test",
        "target": target or AgentTarget(kind="engine", tag=a_tag()),
    }
    return AgentRequest.model_validate(values | changes)


def a_tag() -> str:
    """A tag that nobody uses."""
    return f"dsw-test-agent/{uuid.uuid4().hex}:latest"


def start_agent(request: AgentRequest, folder: Path, **options: Any) -> subprocess.Popen[str]:
    """The agent as a process that was started and not awaited."""
    path = folder / f"request-{uuid.uuid4().hex}.json"
    path.touch(mode=0o600)
    path.write_text(request.model_dump_json())
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("dsw-agent")), "snapshot", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(agent: subprocess.Popen[str], timeout: float = 120) -> Outcome:
    """Wait for the agent to end."""
    output, errors = agent.communicate(timeout=timeout)
    return outcome(agent.returncode, output, errors)
