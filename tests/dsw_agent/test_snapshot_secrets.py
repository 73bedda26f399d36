"""A container with a secret in a file, saved under either policy, and what is written of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import Box, Outcome, a_request

from dsw.agent import AgentRequest
from dsw.image_report import ImageReport

pytestmark = pytest.mark.docker

TOKEN = "ghp" + "_" + "aB3dE5fG7hJ9kL2mN4pQR6sT8uV1wX3yZ5aB"


def test_a_secret_is_reported_or_ends_the_snapshot(
    engine: DockerClient,
    box: Box,
    save: Callable[[AgentRequest], Outcome],
    tmp_path: Path,
) -> None:
    box.sh(f"mkdir -p /srv/app; printf 'DEBUG=1\\nTOKEN={TOKEN}\\n' > /srv/app/.env")
    blocked = a_request(box, secrets="block", work=str(tmp_path))
    done = save(blocked)
    assert (done.code, done.last.reason) == (1, "SecretsFound")
    assert "/srv/app/.env line 2 (GitHub Token)" in done.last.message
    assert TOKEN not in f"{done.reports}{done.errors}"
    assert not engine.images.list(blocked.target.tag.partition(":")[0])

    left_out = save(a_request(box, secrets="block", work=str(tmp_path), exclude=[".env"]))
    assert left_out.code == 0, left_out.last

    warned = save(a_request(box, work=str(tmp_path)))
    assert warned.code == 0, warned.last
    folder = tmp_path / "snap-aaaaaaaaaaaa"
    text = (folder / "report.json").read_text()
    found = ImageReport.model_validate_json(text).findings
    assert [(each.path, each.line, each.kind) for each in found] == [
        ("/srv/app/.env", 2, "GitHub Token")
    ]
    assert TOKEN not in text + (folder / "sbom.json").read_text()
    assert TOKEN not in f"{warned.reports}{warned.errors}"
    assert json.loads((folder / "sbom.json").read_text())["bomFormat"] == "CycloneDX"
