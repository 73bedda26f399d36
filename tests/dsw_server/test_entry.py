"""The entry point, run as a real process with real children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHOW_ENVIRONMENT = "import json, os; print(json.dumps({'cwd': os.getcwd(), **os.environ}))"
WAIT_AND_EXIT_0 = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
signal.signal(signal.SIGHUP, lambda *_: print("hup", flush=True))
print("ready", flush=True)
while True: signal.pause()
"""


class Place:
    """An environment file, a home and a skeleton of one container to be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.skeleton = root / "skel"
        self.environment = root / "run" / "environment"
        self.environment.parent.mkdir()
        self.skeleton.mkdir()
        self.write({})

    def write(self, values: dict[str, Any]) -> None:
        self.environment.write_text(json.dumps({"HOME": str(self.home), **values}))

    def arguments(self, *command: str) -> list[str]:
        code = (
            "import sys; from pathlib import Path; from dsw_server import entry; "
            "sys.exit(entry.main(sys.argv[3:], Path(sys.argv[1]), Path(sys.argv[2])))"
        )
        return [
            *(sys.executable, "-I", "-c", code),
            *(str(self.environment), str(self.skeleton), *command),
        ]

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.arguments(*command), capture_output=True, text=True, check=False, **options
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def running(place: Place) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        place.arguments(sys.executable, "-c", WAIT_AND_EXIT_0),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield process
    if process.poll() is None:
        process.kill()
    process.stdout.close()
    process.wait()


def test_the_file_is_applied_over_the_environment_and_home_is_the_working_directory(
    place: Place,
) -> None:
    place.write({"JUPYTERHUB_API_TOKEN": "secret", "LANG": "from-file", "名": "值"})
    done = place.run(sys.executable, "-c", SHOW_ENVIRONMENT, env={"LANG": "C.UTF-8", "KEPT": "1"})
    seen = json.loads(done.stdout)
    assert seen["JUPYTERHUB_API_TOKEN"] == "secret"
    assert (seen["LANG"], seen["KEPT"], seen["名"]) == ("from-file", "1", "值")
    assert seen["cwd"] == str(place.home)


def test_the_token_is_on_no_command_line(place: Place) -> None:
    place.write({"JUPYTERHUB_API_TOKEN": "very-secret"})
    show = """
import os
for process in (os.getpid(), os.getppid()):
    print(open(f"/proc/{process}/cmdline").read())
"""
    done = place.run(sys.executable, "-c", show)
    assert "entry" in done.stdout
    assert "very-secret" not in done.stdout


def test_without_a_mounted_folder_the_containers_own_environment_is_used(place: Place) -> None:
    place.environment.unlink()
    place.environment.parent.rmdir()
    done = place.run("env", env={"HOME": str(place.home), "OWN": "1", "PATH": "/usr/bin"})
    assert done.returncode == 0
    assert "OWN=1" in done.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("not json", "is not JSON"),
        ("[]", "does not hold one JSON object"),
        ('{"TOKEN": ["secret"]}', "'TOKEN'"),
        ('{"A=B": "secret"}', "'A=B'"),
        ('{"": "secret"}', "''"),
        ('{"A": "secret\\u0000"}', "'A'"),
    ],
)
def test_an_unusable_file_is_a_sentence_and_exit_78(
    place: Place, content: str | None, says: str
) -> None:
    if content is None:
        place.environment.unlink()
    else:
        place.environment.write_text(content)
    done = place.run("true")
    assert done.returncode == 78
    assert says in done.stderr
    assert done.stderr.endswith(".\n")
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_cannot_be_made_is_a_sentence_and_exit_78(place: Place) -> None:
    place.home.write_text("a file")
    done = place.run("true")
    assert done.returncode == 78
    assert f"The home folder {place.home} cannot be used" in done.stderr


def test_the_skeleton_fills_gaps_and_changes_nothing_that_is_there(place: Place) -> None:
    (place.skeleton / ".bashrc").write_text("new")
    (place.skeleton / ".profile").write_text("new")
    (place.skeleton / ".config").mkdir()
    (place.skeleton / ".config" / "tool").write_text("new")
    place.home.mkdir()
    (place.home / ".bashrc").write_text("mine")
    elsewhere = place.root / "elsewhere"
    (place.home / ".profile").symlink_to(elsewhere)
    assert place.run("true").returncode == 0
    assert (place.home / ".bashrc").read_text() == "mine"
    assert (place.home / ".config" / "tool").read_text() == "new"
    assert not elsewhere.exists()
    assert sorted(path.name for path in place.home.iterdir()) == [".bashrc", ".config", ".profile"]


def test_a_read_only_home_does_not_stop_the_start(place: Place) -> None:
    (place.skeleton / ".bashrc").write_text("new")
    place.home.mkdir(mode=0o555)
    # Root's capabilities would let it write anyway.
    without = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*without, *place.arguments("true")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(place.home.iterdir()) == []


def test_the_childs_exit_code_is_answered(place: Place) -> None:
    assert place.run("sh", "-c", "exit 5").returncode == 5
    assert place.run("sh", "-c", "exit 0").returncode == 0


def test_a_killed_child_counts_as_128_and_the_signal(place: Place) -> None:
    assert place.run("sh", "-c", "kill -KILL $$").returncode == 137


def test_grandchildren_that_end_do_not_end_the_start(place: Place) -> None:
    assert place.run("sh", "-c", "true & true & wait; exit 4").returncode == 4


def test_sigterm_ends_in_143_even_when_the_server_shuts_down_cleanly(
    running: subprocess.Popen[str],
) -> None:
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 143


def test_other_signals_reach_the_child_and_keep_its_code(running: subprocess.Popen[str]) -> None:
    assert running.stdout
    running.send_signal(signal.SIGHUP)
    assert running.stdout.readline() == "hup\n"
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 7


def test_a_command_that_is_missing_or_not_a_program_is_a_sentence(place: Place) -> None:
    done = place.run("no-such-command")
    assert (done.returncode, "Traceback" in done.stderr) == (127, False)
    assert "'no-such-command' is neither in" in done.stderr
    broken = place.root / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    done = place.run(str(broken))
    assert (done.returncode, "Traceback" in done.stderr) == (126, False)


def test_programs_beside_python_win_over_path(place: Place) -> None:
    false = place.root / "bin" / "python"
    false.parent.mkdir()
    false.write_text("#!/bin/sh\nexit 9\n")
    false.chmod(0o755)
    place.write({"PATH": f"{false.parent}:/usr/bin:/bin"})
    assert place.run("python", "-c", "").returncode == 0


def test_the_module_needs_the_standard_library_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import dsw_server.entry; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before}"
        " - sys.stdlib_module_names - {'dsw_server'})"
    )
    command = [sys.executable, "-I", "-c", code]
    assert subprocess.check_output(command, text=True).strip() == ""
