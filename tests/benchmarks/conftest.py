"""What measures an engine has it, and the machine, to itself."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before it is decided which tests are left out."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.alone)
