"""One control process for each module of CLI tests, and a terminal to it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest
from tests.dsw.roads import BreakingRoad
from tests.dsw.terminals import Terminal, running_control


@pytest.fixture(scope="module")
def control_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a control process answers."""
    with running_control(tmp_path_factory.mktemp("control")) as url:
        yield url


@pytest.fixture
def dsw(
    control_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """The `dsw` command."""
    return Terminal(control_url, monkeypatch, capsys)


@pytest.fixture
def broken(dsw: Terminal) -> Iterator[list[int]]:
    """Has the command's connections break after so many bytes each."""
    breaks: list[int] = []
    with BreakingRoad(dsw.url, breaks) as road:
        Thread(target=road.serve_forever, daemon=True).start()
        dsw.url = road.url
        yield breaks
        road.shutdown()
