"""Starting a container engine's daemon where none runs, on real daemons of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench import engine
from workbench.folders import Folders
from workbench.processes import Process
from workbench.steps import Refused, Steps

needs_daemon = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None, reason="needs root and dockerd"
)

AS_NOBODY = """\
import os, sys
from pathlib import Path
from workbench import engine
from workbench.folders import Folders
from workbench.steps import Refused, Steps
steps = Steps(Path(sys.argv[1]) / "logs" / "up.log")
os.environ["PATH"] = sys.argv[2]
os.setuid(65534)
try:
    with steps.step("Container engine") as step:
        engine.ensure(steps, step, Folders(Path(sys.argv[1])))
except Refused as refusal:
    sys.exit(str(refusal))
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one: the path of a daemon's socket has 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="dsw-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folders]:
    """An installation's folders, with the engine expected at a socket where none listens."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    made = Folders(tmp_path / "data")
    made.make()
    yield made
    if process := Process.read(made.engine_process):
        process.end(20)


def daemon(folder: Path) -> list[str]:
    """A daemon that touches nothing of another one's."""
    return [
        # Of its own: the network, where it would remove `docker0`, and the mounts, which it leaves.
        "unshare",
        "--net",
        "--mount",
        "dockerd",
        f"--data-root={folder}/root",
        f"--exec-root={folder}/exec",
        f"--pidfile={folder}/pid",
        f"--host={os.environ['DOCKER_HOST']}",
        "--bridge=none",
        "--iptables=false",
        "--storage-driver=vfs",
    ]


@needs_daemon
def test_a_daemon_is_started_once_and_stopped_by_its_record(
    folders: Folders, tmp_path: Path
) -> None:
    version = engine.start(daemon(tmp_path), folders)
    process = Process.read(folders.engine_process)
    assert version == engine.answers() != ""
    assert process is not None
    assert engine.stop(folders) == "stopped the engine that scripts/up had started"
    assert not process.runs
    assert engine.stop(folders) == ""


def test_a_daemon_that_somebody_restarted_is_still_this_installations(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PID_FILE", tmp_path / "docker.pid")
    (tmp_path / "docker.pid").write_text(str(os.getpid()))
    assert not engine.adopt_restarted(folders)
    Process(2**22 + 1, "an earlier boot").write(folders.engine_process)
    assert engine.adopt_restarted(folders)
    remembered = Process.read(folders.engine_process)
    folders.engine_process.unlink()
    assert remembered == Process.of(os.getpid())


@needs_daemon
def test_a_daemon_that_cannot_start_says_why_and_what_else_there_is(
    folders: Folders, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as refusal:
        engine.start([*daemon(tmp_path), "--storage-driver=nothing"], folders)
    text = str(refusal.value)
    assert text.startswith("The container engine cannot start here: ")
    assert "driver not supported" in text
    assert "--engine process" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            'time="x" level=info msg="Starting up"\n'
            'time="x" level=warning msg="no cgroup"\n'
            "failed to start daemon: Devices cgroup isn't mounted\n",
            "Devices cgroup isn't mounted",
        ),
        ('time="x" level=fatal msg="cannot create bridge"\n', "cannot create bridge"),
        ("Segmentation fault.\n", "Segmentation fault"),
        ("", "it said nothing"),
    ],
)
def test_the_last_words_of_a_daemon_are_its_reason(tmp_path: Path, log: str, words: str) -> None:
    (tmp_path / "log").write_text(log)
    assert engine.last_words(tmp_path / "log") == words


def as_nobody(data: Path, environ: dict[str, str], hide_sockets: bool) -> str:
    """What an unprivileged user is told on a machine without an engine of its own."""
    hide = "mount -t tmpfs none /run && " if hide_sockets else ""
    command = f'{hide}exec "$@"'
    python = [sys.executable, "-c", AS_NOBODY, str(data), "/bin"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, "sh", *python],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 1
    return done.stderr.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_engine_and_without_root_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    environ = {"DOCKER_HOST": ""}
    text = as_nobody(tmp_path, environ, hide_sockets=True)
    assert "Run as root: apt-get install docker.io" in text
    assert "--engine process" in text
    assert "Traceback" not in text


def test_a_docker_host_that_does_not_answer_is_named(folders: Folders, tmp_path: Path) -> None:
    steps = Steps(tmp_path / "logs" / "up.log")
    expected = pytest.raises(Refused, match=r"DOCKER_HOST=unix://.*engine\.sock")
    with expected, steps.step("Container engine") as step:
        engine.ensure(steps, step, folders)


def test_a_pid_file_that_a_killed_daemon_left_is_forgotten(tmp_path: Path) -> None:
    stale, gone, absent = (tmp_path / name for name in ("stale.pid", "gone.pid", "absent.pid"))
    stale.write_text(str(os.getpid()))
    gone.write_text(str(2**22 + 1))
    engine.forget_dead_daemons([stale, gone, absent])
    assert not stale.exists()
    assert not gone.exists()
