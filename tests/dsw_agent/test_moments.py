"""A program that never stops writing, saved again and again without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.dsw_agent.cgroups import a_cgroup
from tests.dsw_agent.containers import a_container
from tests.dsw_agent.pairs import a_writer, count, torn
from tests.polling import eventually

SNAPSHOTS = 20


@pytest.mark.parametrize("exact", [True, False], ids=["engine", "registry"])
def test_every_snapshot_holds_one_moment(tmp_path: Path, exact: bool) -> None:
    with a_cgroup() as cgroup, a_container() as container:
        container.freezer = cgroup
        folder = container.overlay.upper / "log"
        folder.mkdir()
        with a_writer(folder, cgroup):
            eventually((folder / "z-replaced").exists, timeout=60)
            last = 0
            for number in range(SNAPSHOTS):
                container.save(exact=exact)
                place = tmp_path / str(number)
                place.mkdir()
                container.target.unpack(place)
                files = {
                    str(path.relative_to(place / "log")): path.read_bytes()
                    for path in (place / "log").rglob("*")
                    if path.is_file()
                }
                assert torn(files) == [], f"snapshot {number + 1}"
                assert count(files) > last, "the program went on after it was frozen"
                last = count(files)
