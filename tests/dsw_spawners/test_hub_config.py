"""The hub's configuration as a process: wrong settings end it with one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.hubs import PROJECT, write_config


def run_hub(config: Path) -> subprocess.CompletedProcess[str]:
    """Run the hub until it ends, which it does at once."""
    return subprocess.run(
        [sys.executable, "-m", "jupyterhub", "-f", str(PROJECT / "jupyterhub_config.py")],
        env={**os.environ, "DSW_CONFIG": str(config)},
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_wrong_key_ends_the_hub_with_the_line_and_no_traceback(tmp_path: Path) -> None:
    config = write_config(tmp_path, "[engine]\nkindd = 'docker'\n")
    done = run_hub(config)
    assert done.returncode == 1
    assert "engine.kindd is not a known key; known here:" in done.stderr
    assert f"line {config.read_text().splitlines().index('kindd = ' + repr('docker')) + 1}:" in (
        done.stderr
    )
    assert "Traceback" not in done.stderr


def test_a_public_address_needs_an_origin_for_each_user(tmp_path: Path) -> None:
    done = run_hub(write_config(tmp_path, "", host="0.0.0.0"))
    assert done.returncode == 1
    assert "would share one origin" in done.stderr
    assert "hub.subdomain_host" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_secret_that_others_can_read_ends_the_hub(tmp_path: Path) -> None:
    config = write_config(tmp_path, "")
    secret = tmp_path / "data" / "secrets" / "control-token"
    secret.parent.mkdir(parents=True)
    secret.write_text("0" * 64)
    secret.chmod(0o644)
    done = run_hub(config)
    assert done.returncode == 1
    assert "can be read by others" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_operator_s_traits_have_the_last_word(tmp_path: Path) -> None:
    traits = (
        "[hub.traits.JupyterHub]\n"
        "authenticator_class = 'dummy'\n"
        "spawner_class = 'no.such.Spawner'\n"
    )
    done = run_hub(write_config(tmp_path, traits))
    assert done.returncode == 1
    assert "no.such" in done.stderr
