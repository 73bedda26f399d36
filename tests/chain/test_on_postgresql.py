"""Hub and control with their databases in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.polling import eventually
from tests.postgresqls import new_database
from tests.workbenches import TestBench

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("minimal_image")]


def test_the_chain_works_with_both_databases_in_postgresql(postgresql: str, tmp_path: Path) -> None:
    bench = TestBench(tmp_path, "chainpg")
    file = tmp_path / "dsw.toml"
    text = file.read_text()
    for section in ("hub", "control"):
        url = new_database(postgresql, f"chain_{section}")
        text = text.replace(f"[{section}]\n", f'[{section}]\ndatabase = "{url}"\n', 1)
    file.write_text(text)
    bench.up()
    try:
        alice = bench.user("alice")
        item = alice.running(display_name="on postgresql")
        assert item["state"] == "Running"
        bench.kill("control")
        bench.kill("hub")
        eventually(lambda: alice.state_or_none(item["id"]) == "Running", 60)
        assert not list(tmp_path.glob("*.sqlite"))
        alice.delete(item["id"])
    finally:
        bench.down()
