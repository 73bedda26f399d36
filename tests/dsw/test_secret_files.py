"""Secrets are made once and for their owner only."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dsw.errors import ConfigError
from dsw.secret_files import SecretFiles


def test_a_secret_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path)
    value = secrets.get("control-token")
    assert secrets.get("control-token") == value
    assert len(value) == 64
    assert secrets.path("control-token").stat().st_mode & 0o777 == 0o600


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    seen: list[str] = []
    threads = [
        threading.Thread(target=lambda: seen.append(SecretFiles(tmp_path).get("x")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["x"]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path)
    secrets.get("x")
    secrets.path("x").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        secrets.get("x")
