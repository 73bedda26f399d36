"""A real cgroup of its own, which can be frozen."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.polling import eventually

V1 = Path("/sys/fs/cgroup/freezer")


@contextmanager
def a_cgroup() -> Iterator[Path]:
    """An empty cgroup of version 1, thawed and removed in the end; whoever is in it has to have
    ended by then."""
    if os.geteuid() != 0 or not V1.is_dir():
        pytest.skip("needs root and a freezer of version 1")
    folder = V1 / f"dsw-test-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        (folder / "freezer.state").write_text("THAWED")

        def removed() -> bool:
            with suppress(OSError):
                folder.rmdir()
            return not folder.exists()

        eventually(removed, timeout=30)
