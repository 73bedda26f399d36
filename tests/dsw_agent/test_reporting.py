"""What the agent says: not too often, not too long, and never a traceback."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dsw.agent import AgentReport
from dsw.snapshots import SnapshotState
from dsw_agent import main
from dsw_agent.reporting import Reporter
from dsw_agent.skipped import Skipped

COPYING, PUSHING = SnapshotState.COPYING, SnapshotState.PUSHING


def test_progress_is_written_five_times_a_second_at_most() -> None:
    now = [0.0]
    out = io.StringIO()
    reporter = Reporter(out, lambda: now[0])
    for step in range(1000):
        now[0] = step / 100
        reporter.progress(COPYING, step, 1000)
    assert 45 <= len(out.getvalue().splitlines()) <= 51


def test_a_new_state_is_written_at_once() -> None:
    out = io.StringIO()
    reporter = Reporter(out, lambda: 0.0)
    reporter.say(AgentReport(state=SnapshotState.PREPARING))
    for state in (COPYING, COPYING, PUSHING):
        reporter.progress(state, 1, 2)
    states = [json.loads(line)["state"] for line in out.getvalue().splitlines()]
    assert states == ["Preparing", "Copying", "Pushing"]


def test_the_rate_is_of_the_last_seconds_and_tells_what_is_left() -> None:
    now = [0.0]
    out = io.StringIO()
    reporter = Reporter(out, lambda: now[0])
    for second in range(31):
        now[0] = float(second)
        done = 1000 * second if second < 20 else 20_000 + 100 * (second - 20)
        reporter.progress(COPYING, done, 30_000)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "rate" not in lines[0]
    assert (lines[10]["rate"], lines[10]["seconds_left"]) == (1000, 20)
    assert (lines[-1]["rate"], lines[-1]["seconds_left"]) == (100, 90)


def test_a_layer_that_is_sent_again_does_not_count_back() -> None:
    out = io.StringIO()
    reporter = Reporter(out, lambda: 0.0)
    for state, done in ((COPYING, 500), (PUSHING, 100), (COPYING, 700)):
        reporter.progress(state, done, 1000)
    told = [json.loads(line)["bytes_done"] for line in out.getvalue().splitlines()]
    assert told == [500, 500, 700]


def test_many_skipped_files_make_a_short_list_and_a_count() -> None:
    skipped = Skipped()
    for number in range(1000):
        skipped.add(f"{'数' * 4000}/{number}\udcff", "a socket")
    lines = skipped.lines()
    assert (len(lines), lines[-1]) == (201, "and 800 more")
    assert "/0\ufffd: a socket" in lines[0]
    out = io.StringIO()
    Reporter(out).say(AgentReport(state=SnapshotState.SAVED, skipped=lines))
    assert out.getvalue().isascii()
    assert len(out.getvalue()) < 16 * 1024 * 15


def test_a_fault_of_the_agent_is_a_sentence_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def breaks(_: Path) -> None:
        raise LookupError("inner words")

    monkeypatch.setattr(main, "_read", breaks)
    out = io.StringIO()
    assert main.run(tmp_path / "request.json", Reporter(out)) == 1
    report = AgentReport.model_validate_json(out.getvalue())
    assert (report.state, report.reason) == (SnapshotState.FAILED, "Internal")
    assert "LookupError" in report.message
    assert "inner words" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"snapshot_id": 3}'])
def test_a_request_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(text)
    out = io.StringIO()
    assert main.run(path, Reporter(out)) == 1
    assert AgentReport.model_validate_json(out.getvalue()).reason == "InvalidRequest"
