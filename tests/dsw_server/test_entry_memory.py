"""A server that the kernel kills for memory ends its container with a code of its own."""

from __future__ import annotations

import subprocess

import pytest

from dsw.plan import EXIT_OUT_OF_MEMORY
from dsw_server import entry

IMAGE = "jupyterhub-dsw/minimal:latest"


def test_the_exit_code_is_the_one_that_control_knows() -> None:
    assert entry.OUT_OF_MEMORY == EXIT_OUT_OF_MEMORY


@pytest.mark.docker
@pytest.mark.usefixtures("minimal_image")
@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("x = bytearray(200 * 1024 * 1024)", EXIT_OUT_OF_MEMORY),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("pass", 0),
    ],
)
def test_only_a_kill_for_memory_is_called_one(program: str, code: int) -> None:
    limits = ["--memory=64m", "--memory-swap=64m"]
    command = ["docker", "run", "--rm", *limits, IMAGE, "python3", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
