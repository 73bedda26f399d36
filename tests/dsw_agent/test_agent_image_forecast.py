"""Forecasts and tools for archives in the agent's image, with the least rights that do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.types import Mount
from tests.dsw_agent.boxes import LABEL, Box, a_request

from dsw.image_report import Forecast

pytestmark = pytest.mark.docker


def run(
    engine: DockerClient, image: str, command: list[str], mounts: list[Mount], **options: Any
) -> str:
    """What a command prints in the agent's image."""
    container = engine.containers.run(
        image,
        command,
        detach=True,
        labels={LABEL: ""},
        mounts=mounts,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        network_mode="none",
        pids_limit=64,
        **options,
    )
    try:
        code = container.wait(timeout=120)["StatusCode"]
        errors = container.logs(stdout=False, stderr=True).decode()
        assert (code, errors) == (0, "")
        return str(container.logs(stdout=True, stderr=False).decode())
    finally:
        container.remove(force=True)


def test_a_forecast_of_a_running_container(
    engine: DockerClient, agent_image: str, box: Box, tmp_path: Path
) -> None:
    box.sh(
        "mkdir -p /srv/model /opt/private; head -c 3000000 /dev/zero > /srv/model/weights;"
        "touch /root/.netrc; chmod 700 /opt/private; chown -R 1234 /opt/private;"
        "sed -i '/^Package: bash$/,/^$/s/^Version: .*/Version: 99/' /var/lib/dpkg/status;"
        "rm -r /etc/pam.d"
    )
    lowers = box.container.attrs["GraphDriver"]["Data"]["LowerDir"].split(":")
    mounts = [Mount("/upper", str(box.upper), type="bind", read_only=True)]
    mounts += [
        Mount(f"/lowers/{number:02}", path, type="bind", read_only=True)
        for number, path in enumerate(lowers)
    ]
    mounts.append(Mount("/request", str(tmp_path), type="bind", read_only=True))
    inside = [f"/lowers/{number:02}" for number in range(len(lowers))]
    request = a_request(box, upper="/upper", lowers=inside)
    (tmp_path / "request.json").write_text(request.model_dump_json())
    (tmp_path / "request.json").chmod(0o600)
    output = run(
        engine,
        agent_image,
        ["dsw-agent", "forecast", "/request/request.json"],
        mounts,
        user="0:0",
        cap_add=["SYS_ADMIN", "DAC_READ_SEARCH"],
    )
    told = Forecast.model_validate_json(output)
    assert told.folders[0].path == "/srv/model"
    assert told.size == pytest.approx(3_000_000, rel=0.5)
    assert [each.path for each in told.left_out] == ["/root/.netrc"]
    changed = {(each.manager, each.name): each.after for each in told.packages}
    assert changed == {("apt", "bash"): "99"}


def test_archives_can_be_made_and_nothing_that_runs_containers_is_there(
    engine: DockerClient, agent_image: str
) -> None:
    script = "skopeo --version; cat /etc/containers/policy.json; ls /usr/lib/cni 2>&1 || true"
    output = run(engine, agent_image, ["sh", "-euc", script], [])
    assert output.startswith("skopeo version")
    assert '"default"' in output
    assert "bridge" not in output
