"""A container stands still for a moment, and runs again whatever becomes of the agent."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.dsw_agent.cgroups import a_cgroup
from tests.polling import eventually

from dsw_agent import guard
from dsw_agent.freezer import Freezer, Mark, Stillness


def no_check() -> None:
    """Nobody cancels."""


@contextmanager
def version_2(folder: Path, answers: bool = True) -> Iterator[Path]:
    """A directory that behaves like a cgroup of version 2, or one that never stands still."""
    (folder / "cgroup.freeze").write_text("0\n")
    (folder / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    ended = threading.Event()

    def kernel() -> None:
        while not ended.wait(0.005):
            word = (folder / "cgroup.freeze").read_text().strip() or "0"
            (folder / "new").write_text(f"populated 1\nfrozen {word}\n")
            (folder / "new").rename(folder / "cgroup.events")

    thread = threading.Thread(target=kernel)
    if answers:
        thread.start()
    try:
        yield folder
    finally:
        ended.set()
        if answers:
            thread.join()


def test_version_2_is_frozen_and_thawed(tmp_path: Path) -> None:
    with version_2(tmp_path):
        mark = Mark()
        freezer = Freezer(str(tmp_path), mark)
        assert freezer.freeze(30, no_check) is Stillness.FROZEN
        assert freezer.still()
        assert mark.since
        freezer.thaw()
        assert (tmp_path / "cgroup.freeze").read_text().startswith("0")
        assert not mark.since
        eventually(lambda: not freezer.still())


def test_what_does_not_stand_still_in_time_runs_again(tmp_path: Path) -> None:
    with version_2(tmp_path, answers=False):
        mark = Mark()
        assert Freezer(str(tmp_path), mark).freeze(0.05, no_check) is None
        assert (tmp_path / "cgroup.freeze").read_text().startswith("0")
        assert not mark.since


def test_who_cancels_while_it_freezes_lets_it_run(tmp_path: Path) -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    with version_2(tmp_path, answers=False), pytest.raises(KeyboardInterrupt):
        Freezer(str(tmp_path), Mark()).freeze(60, cancel)
    assert (tmp_path / "cgroup.freeze").read_text().startswith("0")


def test_what_an_operator_paused_stays_paused(tmp_path: Path) -> None:
    (tmp_path / "freezer.state").write_text("FROZEN\n")
    freezer = Freezer(str(tmp_path), Mark())
    assert freezer.freeze(5, no_check) is Stillness.PAUSED
    assert freezer.still()
    freezer.thaw()
    assert (tmp_path / "freezer.state").read_text() == "FROZEN\n"


def test_a_container_that_stopped_stands_still(tmp_path: Path) -> None:
    freezer = Freezer(str(tmp_path / "gone"), Mark())
    assert freezer.freeze(5, no_check) is Stillness.STOPPED
    assert freezer.still()
    freezer.thaw()


def test_a_container_that_stops_while_it_is_frozen_stands_still(tmp_path: Path) -> None:
    state = tmp_path / "freezer.state"
    state.write_text("THAWED\n")
    mark = Mark()
    freezer = Freezer(str(tmp_path), mark)
    assert freezer.freeze(5, no_check) is Stillness.FROZEN
    state.unlink()
    assert freezer.still()
    freezer.thaw()
    assert not mark.since


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A real cgroup with a process in it."""
    with a_cgroup() as folder:
        sleeper = subprocess.Popen(["sleep", "600"])
        (folder / "cgroup.procs").write_text(str(sleeper.pid))
        try:
            yield folder
        finally:
            sleeper.kill()
            (folder / "freezer.state").write_text("THAWED")
            sleeper.wait()


def state(cgroup: Path) -> str:
    """FROZEN, FREEZING or THAWED."""
    return (cgroup / "freezer.state").read_text().strip()


def freezing(cgroup: Path, then: Callable[[], int]) -> Callable[[Mark], int]:
    """Work that freezes, and does something while it stands still."""

    def work(mark: Mark) -> int:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, guard.SIGNALS)
        assert Freezer(str(cgroup), mark).freeze(30, no_check) is Stillness.FROZEN
        return then()

    return work


def test_a_worker_that_is_killed_leaves_nothing_frozen(cgroup: Path) -> None:
    def die() -> int:
        assert state(cgroup) == "FROZEN"
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with pytest.raises(guard.Ended, match="SIGKILL"):
        guard.guarded(str(cgroup), freezing(cgroup, die))
    assert state(cgroup) == "THAWED"


def test_a_worker_that_hangs_leaves_nothing_frozen(cgroup: Path) -> None:
    def hang() -> int:
        return 7 if eventually(lambda: state(cgroup) == "THAWED", timeout=60) else 1

    assert guard.guarded(str(cgroup), freezing(cgroup, hang), limit=0.2) == 7


def test_a_worker_that_fails_leaves_nothing_frozen(cgroup: Path) -> None:
    def fail() -> int:
        raise LookupError("words for the log")

    assert guard.guarded(str(cgroup), freezing(cgroup, fail)) == 1
    assert state(cgroup) == "THAWED"


def test_a_signal_thaws_at_once_and_reaches_the_worker(cgroup: Path) -> None:
    def wait() -> int:
        asked: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
        os.kill(os.getppid(), signal.SIGTERM)
        eventually(lambda: asked, timeout=60)
        return 5 if eventually(lambda: state(cgroup) == "THAWED", timeout=60) else 1

    assert guard.guarded(str(cgroup), freezing(cgroup, wait), limit=600) == 5
    assert state(cgroup) == "THAWED"
