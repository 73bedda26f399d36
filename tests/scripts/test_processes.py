"""Remembering a process must never lead to another one's end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.processes import Process

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); input()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", DEAF]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_remembered_process_is_found_again(tmp_path: Path, child: subprocess.Popen[str]) -> None:
    process = Process.of(child.pid)
    assert process is not None
    process.write(tmp_path / "it")
    assert Process.read(tmp_path / "it") == process


def test_another_process_with_the_same_id_is_not_it(child: subprocess.Popen[str]) -> None:
    reused = Process(child.pid, "another boot:1")
    assert not reused.runs
    reused.end(0.1)
    assert child.poll() is None


def test_a_process_that_ignores_sigterm_is_killed(child: subprocess.Popen[str]) -> None:
    process = Process.of(child.pid)
    assert process is not None
    process.end(0.3)
    assert child.wait(5) == -9


def test_an_ended_process_that_nobody_waited_for_does_not_run() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as zombie:
        assert zombie.stdout is not None
        process = Process.of(zombie.pid)
        zombie.stdout.read()
        assert process is None or process.ended_within(5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1}'])
def test_a_damaged_record_is_no_process(tmp_path: Path, text: str) -> None:
    (tmp_path / "it").write_text(text)
    assert Process.read(tmp_path / "it") is None
