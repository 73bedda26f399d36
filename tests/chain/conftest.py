"""One workbench on the real engine for all tests of the chain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.workbenches import TestBench, User


@pytest.fixture(scope="session")
def workbench(minimal_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBench]:
    """Started by `scripts/up`, ended by `scripts/down`; nothing of it stays."""
    bench = TestBench(tmp_path_factory.mktemp("workbench"), "chain")
    bench.up()
    yield bench
    bench.down()


@pytest.fixture
def alice(workbench: TestBench) -> Iterator[User]:
    """A plain user; her instances are deleted after the test."""
    yield from _user(workbench, "alice")


@pytest.fixture
def bob(workbench: TestBench) -> Iterator[User]:
    """Another plain user."""
    yield from _user(workbench, "bob")


def _user(workbench: TestBench, name: str) -> Iterator[User]:
    # The test before may have killed something as its last act.
    workbench.wait_until_ready()
    user = workbench.user(name)
    yield user
    workbench.wait_until_ready()
    for item in user.get("instances")["items"]:
        user.delete(item["id"])
