"""The agent in its own container, with the least rights that it works with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.types import Mount
from tests.dsw_agent.boxes import LABEL, Box, Outcome, a_request, a_tag, outcome

from dsw.agent import AgentRequest, AgentTarget

pytestmark = pytest.mark.docker

SOCKET = "/var/run/docker.sock"


def in_container(
    engine: DockerClient, image: str, request: AgentRequest, folder: Path, **changes: Any
) -> Outcome:
    """Run the agent as control runs it."""
    path = folder / "request.json"
    path.touch(mode=0o600)
    path.write_text(request.model_copy(update={"upper": "/upper"}).model_dump_json())
    os.chown(path, 1000, 1000)
    options: dict[str, Any] = {
        "user": "0:0",
        "cap_drop": ["ALL"],
        "cap_add": ["SYS_ADMIN", "DAC_READ_SEARCH"],
        "security_opt": ["no-new-privileges:true"],
        "read_only": True,
        "network_mode": "none",
        "pids_limit": 64,
        "mem_limit": "1g",
    }
    container = engine.containers.run(
        image,
        ["dsw-agent", "snapshot", "/request/request.json"],
        detach=True,
        labels={LABEL: ""},
        mounts=[
            Mount("/upper", request.upper, type="bind", read_only=True),
            Mount("/request", str(folder), type="bind", read_only=True),
            Mount(SOCKET, SOCKET, type="bind"),
        ],
        **options | changes,
    )
    try:
        code = container.wait(timeout=120)["StatusCode"]
        output, errors = (container.logs(stdout=out, stderr=not out) for out in (True, False))
        return outcome(code, output.decode(), errors.decode())
    finally:
        container.remove(force=True)


def test_it_saves_with_two_capabilities_and_a_read_only_root(
    engine: DockerClient, agent_image: str, box: Box, start_box: Any, tmp_path: Path
) -> None:
    box.sh(
        "rm -r /etc/pam.d; mkdir /etc/pam.d; mkdir -m 700 /opt/private;"
        "echo x > /opt/private/x; chmod 400 /opt/private/x; chown -R 1234 /opt/private"
    )
    os.setxattr(box.root / "opt/private/x", "user.note", b"kept")
    request = a_request(box, AgentTarget(kind="engine", tag=a_tag()))
    done = in_container(engine, agent_image, request, tmp_path)
    assert done.code == 0, (done.last, done.errors)
    again = start_box(done.last.image)
    assert (again.root / "opt/private/x").read_text() == "x\n"
    assert (again.root / "opt/private/x").stat().st_uid == 1234
    assert os.getxattr(again.root / "opt/private/x", "user.note") == b"kept"
    assert os.listdir(again.root / "etc/pam.d") == []


def test_without_the_right_to_see_opaque_folders_they_would_be_lost(
    engine: DockerClient, agent_image: str, box: Box, start_box: Any, tmp_path: Path
) -> None:
    """Why SYS_ADMIN is among the capabilities."""
    box.sh("rm -r /etc/pam.d; mkdir /etc/pam.d")
    request = a_request(box)
    done = in_container(engine, agent_image, request, tmp_path, cap_add=["DAC_READ_SEARCH"])
    assert (done.code, done.last.reason) == (1, "UpperUnreadable")
    assert "SYS_ADMIN" in done.last.message
