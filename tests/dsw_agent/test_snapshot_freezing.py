"""A container that is to stand still for a moment, and whatever may go wrong with that."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsw_agent import freezer as freezers
from dsw_agent.freezer import Freezer, Mark


def test_a_thaw_that_comes_just_before_the_freeze_leaves_nothing_frozen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a signal that the watching process gets in between."""
    state = tmp_path / "freezer.state"
    state.write_text("THAWED\n")
    mark = Mark()
    write = freezers._write

    def late(folder: Path, frozen: bool) -> bool:
        if frozen:
            mark.since = 0
        return write(folder, frozen)

    monkeypatch.setattr(freezers, "_write", late)

    freezer = Freezer(str(tmp_path), mark)
    freezer.freeze(5, lambda: None)
    assert mark.since, "somebody has to know that it stands still"
    freezer.thaw()
    assert state.read_text().startswith("THAWED")
