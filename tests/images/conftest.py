"""The images that the tests look into."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.images.builds import builder

from dsw.images_build import find_catalog
from dsw.images_build.wheel import project_wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's wheel; a copy, because another build may replace it meanwhile."""
    made = project_wheel(find_catalog(), None)
    return Path(shutil.copy(made, tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="session")
def minimal(wheel: Path) -> str:
    """The minimal image, built with an extra CA for the build alone."""
    return builder(wheel).build("minimal").reference


@pytest.fixture(scope="session")
def base(wheel: Path) -> str:
    """The base image, built with an extra CA for the build alone."""
    return builder(wheel).build("base").reference
