"""`scripts/up` and `scripts/down` as people call them, with instances as local processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw import settings
from dsw.settings import Settings
from workbench.arguments import ROOT
from workbench.folders import Folders
from workbench.processes import Process
from workbench.ready import probes
from workbench.settings_file import set_value
from workbench.supervision import Status, Supervisor

FIRST_RUN = 300


def call(command: str, *flags: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DSW_")}
    return subprocess.run(
        [ROOT / "scripts" / command, *flags],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=FIRST_RUN,
        env={**clean, **environ},
    )


@dataclass
class Workbench:
    """One installation of the tests' own."""

    data: Path

    @property
    def folders(self) -> Folders:
        return Folders(self.data)

    @property
    def settings(self) -> Settings:
        return settings.load(self.folders.settings, {})

    @property
    def password(self) -> str:
        return (self.data / "secrets" / "admin-password").read_text().strip()

    def up(self, *flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return call("up", "--data-dir", self.data, *flags, **environ)

    def down(self) -> subprocess.CompletedProcess[str]:
        return call("down", "--data-dir", self.data)

    def programs(self) -> dict[str, Status]:
        return Supervisor(self.folders).statuses()

    def pids(self) -> dict[str, int]:
        return {name: status.pid for name, status in self.programs().items()}

    def processes(self) -> list[Process]:
        supervisor = Process.read(self.folders.supervisor)
        found = [supervisor, *(Process.of(pid) for pid in self.pids().values())]
        return [process for process in found if process is not None]

    def answers(self, part: str) -> bool:
        try:
            return httpx.get(probes(self.settings)[part], trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench in a directory whose name scripts and configuration formats trip over."""
    made = Workbench(tmp_path_factory.mktemp("up") / "two words; 100% 数据")
    done = made.up("--engine", "process", "--port", str(an_unused_port()))
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    made.down()


@pytest.fixture
def workbench(installation: Workbench) -> Workbench:
    """The same, and running."""
    if Process.read(installation.folders.supervisor) is None:
        assert installation.up().returncode == 0
    return installation


def test_up_prints_the_address_and_a_password_that_logs_in(workbench: Workbench) -> None:
    text = workbench.up().stdout
    address = re.findall(r"runs at (\S+)", text)[0]
    assert f"password  {workbench.password}" in text
    with httpx.Client(base_url=address, trust_env=False, follow_redirects=True) as browser:
        browser.get("hub/login")
        form = {"username": "admin", "password": workbench.password}
        answer = browser.post("hub/login", data={**form, "_xsrf": browser.cookies["_xsrf"]})
        assert answer.status_code == 200
        assert answer.url.path.startswith("/services/dsw/")


def test_the_password_is_in_no_file_but_its_own(workbench: Workbench) -> None:
    own = workbench.data / "secrets" / "admin-password"
    assert own.stat().st_mode & 0o777 == 0o600
    assert workbench.data.stat().st_mode & 0o777 == 0o700
    texts = [path for path in workbench.data.rglob("*") if path.is_file() and path != own]
    assert any(path.name == "hub.log" for path in texts)
    assert [path for path in texts if workbench.password.encode() in path.read_bytes()] == []


def test_no_secret_is_on_a_command_line_or_in_the_supervisors_files(workbench: Workbench) -> None:
    secrets = [path.read_text().strip() for path in (workbench.data / "secrets").iterdir()]
    lines = [Path(f"/proc/{process.pid}/cmdline").read_text() for process in workbench.processes()]
    texts = lines + [path.read_text() for path in workbench.folders.run.glob("supervisor*.conf")]
    assert len(texts) == 5
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []


def test_a_second_run_is_quick_and_starts_nothing_twice(workbench: Workbench) -> None:
    before, processes = workbench.pids(), workbench.processes()
    begun = time.monotonic()
    done = workbench.up()
    assert time.monotonic() - begun < 15
    assert "all run as they should" in done.stdout
    assert workbench.pids() == before
    assert all(process.runs for process in processes)


def test_two_calls_at_once_start_one_supervisor(workbench: Workbench) -> None:
    workbench.down()
    command = [ROOT / "scripts" / "up", "--data-dir", workbench.data]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as one, subprocess.Popen(command, **quiet) as other:
        assert (one.wait(120), other.wait(120)) == (0, 0)
    log = (workbench.folders.logs / "supervisor.log").read_text()
    starts = re.findall(r"supervisord started with pid (\d+)", log)
    supervisor = Process.read(workbench.folders.supervisor)
    assert supervisor is not None
    assert int(starts[-1]) == supervisor.pid
    assert not Path(f"/proc/{starts[-2]}/exe").exists()


@pytest.mark.parametrize("name", ["hub", "control"])
def test_a_killed_program_is_back_within_a_minute(workbench: Workbench, name: str) -> None:
    before = workbench.pids()
    os.kill(before[name], signal.SIGKILL)
    eventually(lambda: workbench.pids()[name] not in (0, before[name]), timeout=60)
    eventually(lambda: workbench.answers(name), timeout=60)
    others = {key: pid for key, pid in workbench.pids().items() if key != name}
    assert others.items() <= before.items()


def test_a_killed_proxy_has_its_routes_back_within_a_minute(workbench: Workbench) -> None:
    os.kill(workbench.pids()["proxy"], signal.SIGKILL)
    eventually(lambda: workbench.answers("hub"), timeout=60)
    eventually(lambda: workbench.answers("control"), timeout=60)


def test_a_killed_supervisor_takes_its_programs_along_and_up_heals_it(
    workbench: Workbench,
) -> None:
    processes = workbench.processes()
    assert len(processes) == 4
    os.kill(processes[0].pid, signal.SIGKILL)
    done = workbench.up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(process.runs for process in processes)


def test_a_changed_setting_restarts_what_it_concerns(workbench: Workbench) -> None:
    before = workbench.pids()
    set_value(workbench.folders.settings, "workspace", "display_name", "Ours")
    done = workbench.up()
    assert "restarted control, hub" in done.stdout
    assert workbench.pids()["proxy"] == before["proxy"]


def test_the_ssh_gateway_comes_with_its_port_moves_with_it_and_goes(workbench: Workbench) -> None:
    path, proxy = workbench.folders.settings, workbench.pids()["proxy"]
    assert not workbench.pids()["gateway"]
    keys, pids = [], []
    for port in (an_unused_port(), an_unused_port()):
        set_value(path, "ssh", "gateway_port", port)
        done = workbench.up()
        assert f"SSH to instances goes by 127.0.0.1, port {port}." in done.stdout, done.stderr
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            assert connection.recv(8) == b"SSH-2.0-"
        keys.append((workbench.data / "secrets" / "gateway-host-key").read_bytes())
        pids.append(workbench.pids()["gateway"])
    assert keys[0] == keys[1]
    assert pids[0] != pids[1]
    set_value(path, "workspace", "display_name", "Theirs")
    workbench.up()
    assert workbench.pids()["gateway"] == pids[1]
    os.kill(pids[1], signal.SIGKILL)
    eventually(lambda: workbench.pids()["gateway"] not in (0, pids[1]), timeout=60)
    set_value(path, "ssh", "gateway_port", 0)
    assert "SSH to instances" not in workbench.up().stdout
    assert not workbench.pids()["gateway"]
    assert workbench.pids()["proxy"] == proxy


def test_a_flag_is_kept_in_the_file(workbench: Workbench) -> None:
    port = an_unused_port()
    assert workbench.up("--port", str(port)).returncode == 0
    assert workbench.settings.hub.port == port
    assert workbench.answers("control")


def test_a_wrong_setting_is_named_with_its_line_and_nothing_is_restarted(
    workbench: Workbench,
) -> None:
    path, before = workbench.folders.settings, workbench.pids()
    text = path.read_text()
    path.write_text(text.replace("[engine]\n", '[engine]\nspeed = "high"\n'))
    line = path.read_text().splitlines().index('speed = "high"') + 1
    done = workbench.up()
    path.write_text(text)
    assert done.returncode == 1
    assert f"line {line}: engine.speed is not a known key" in done.stderr
    assert "Traceback" not in done.stderr
    assert workbench.pids() == before


def test_up_heals_a_program_that_a_setting_had_kept_from_starting(workbench: Workbench) -> None:
    path = workbench.folders.settings
    text, before = path.read_text(), workbench.pids()
    path.write_text(f'{text}\n[hub.traits.JupyterHub]\nspawner_class = "nowhere.Spawner"\n')
    broken = workbench.up()
    path.write_text(text)
    assert broken.returncode == 1
    assert "Hub ends again and again" in broken.stderr
    assert "'nowhere.Spawner' could not be imported" in broken.stderr
    assert workbench.pids()["proxy"] == before["proxy"]
    healed = workbench.up()
    assert healed.returncode == 0, healed.stderr
    assert workbench.pids()["proxy"] == before["proxy"]


def test_a_public_address_is_refused_before_anything_is_restarted(workbench: Workbench) -> None:
    before = workbench.pids()
    done = workbench.up(DSW_HUB_HOST="0.0.0.0")
    assert done.returncode == 1
    assert "allow_shared_origin" in done.stderr
    assert workbench.pids() == before


def test_a_port_in_use_is_a_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    other = Workbench(tmp_path / "data")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = other.up("--engine", "process", "--port", str(port))
    assert done.returncode == 1
    assert f"Another program listens on port {port} of 127.0.0.1" in done.stderr
    assert "scripts/up --port" in done.stderr
    assert Process.read(other.folders.supervisor) is None


def test_a_program_that_cannot_start_shows_its_last_words_and_is_stopped(tmp_path: Path) -> None:
    other = Workbench(tmp_path / "data")
    database = f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/control.sqlite"
    flags = ("--engine", "process", "--port", str(an_unused_port()))
    done = other.up(*flags, DSW_CONTROL_DATABASE=database)
    assert done.returncode == 1
    assert "Control ends again and again" in done.stderr
    assert "unable to open database file" in done.stderr
    assert Process.read(other.folders.supervisor) is None


def test_foreground_ends_everything_with_ctrl_c(workbench: Workbench) -> None:
    workbench.down()
    command = [ROOT / "scripts" / "up", "--data-dir", workbench.data, "--foreground"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        for line in up.stdout:
            if "runs at" in line:
                break
        processes = workbench.processes()
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    assert len(processes) == 4
    assert not any(process.runs for process in processes)


def test_down_leaves_no_process_and_can_be_called_twice(workbench: Workbench) -> None:
    processes = workbench.processes()
    assert len(processes) == 4
    done = workbench.down()
    assert done.returncode == 0, done.stderr
    assert not any(process.runs for process in processes)
    assert (workbench.data / "hub.sqlite").exists()
    assert "Nothing ran" in workbench.down().stdout


def test_down_where_nothing_ever_ran_says_so(tmp_path: Path) -> None:
    done = call("down", "--data-dir", tmp_path / "nowhere")
    assert done.returncode == 0
    assert "Nothing runs" in done.stdout
    assert not (tmp_path / "nowhere").exists()


def test_wrong_flags_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    done = call("up", "--data-dir", tmp_path / "data", "--port", "http")
    assert done.returncode == 2
    assert "'http' is not a port; allowed: 1 to 65535" in done.stderr
    assert not (tmp_path / "data").exists()
