"""Who gets in over SSH, for how long, and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import websocket
from tests.dsw_server.conftest import Server
from tests.dsw_server.ssh_instance import SshInstance, ssh_instance
from tests.polling import eventually

from dsw.ssh import SSH_PATH, TICKET_HEADER
from dsw_server import ssh_handler
from dsw_server.lately import FRESH
from dsw_server.ssh import ABSENT, MOST, NO_MORE
from dsw_server.ssh_daemon import private_places

MB = 1024**2
OUT_WITHIN = 5.0
"""Seconds in which somebody who may not be here any more is out."""


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Server]
) -> Iterator[SshInstance]:
    with ssh_instance(tmp_path_factory.mktemp("instance"), start_server) as instance:
        eventually(lambda: instance.keeper.hosts)
        yield instance


@pytest.fixture
def instance(running: SshInstance) -> Iterator[SshInstance]:
    """The instance as each test finds it: nobody is there, and only alice may come."""
    running.keeper.keys.clear()
    running.keeper.refusals = 0
    running.admit("alice")
    yield running
    eventually(lambda: not running.daemons(), 2 * OUT_WITHIN)


def test_the_extension_speaks_of_ssh_as_its_clients_do() -> None:
    assert (ssh_handler.SSH_PATH, ssh_handler.TICKET_HEADER) == (SSH_PATH, TICKET_HEADER)


def refusal(instance: SshInstance, *ticket: str | None, **headers: str) -> tuple[int, str]:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        instance.websocket(*ticket, **headers)
    problem = json.loads(refused.value.resp_body)
    assert problem["status"] == refused.value.status_code
    return refused.value.status_code, problem["detail"]


def test_without_a_ticket_nobody_gets_in(instance: SshInstance) -> None:
    asked = instance.keeper.asked
    for ticket in (None, "", "x" * 2001):
        status, sentence = refusal(instance, ticket)
        assert (status, "ticket" in sentence) == (401, True)
    for known in (f"token {instance.server.client.headers['Authorization'][6:]}", "Bearer x"):
        assert refusal(instance, None, Authorization=known)[0] == 401
    assert instance.keeper.asked == asked


def test_a_ticket_that_control_refuses_opens_nothing(instance: SshInstance) -> None:
    assert refusal(instance, "ticket-bob") == (403, "This ticket does not open it.")
    assert not instance.daemons()


def test_a_web_page_gets_nowhere_with_any_ticket(instance: SshInstance) -> None:
    asked = instance.keeper.asked
    own = instance.server.base_url.partition("/user/")[0]
    for origin in (own, "https://evil.example.com", "null", ""):
        status, sentence = refusal(instance, "ticket-alice", Origin=origin)
        assert (status, "Web pages" in sentence) == (403, True)
    assert instance.keeper.asked == asked


def test_while_control_is_away_a_ticket_is_answered_with_503(instance: SshInstance) -> None:
    instance.keeper.refusals = -1
    status, sentence = refusal(instance, "ticket-alice")
    assert (status, "does not answer" in sentence) == (503, True)


def test_what_is_no_websocket_leaves_no_sshd(instance: SshInstance) -> None:
    headers = {TICKET_HEADER: "ticket-alice"}
    assert instance.server.client.get(SSH_PATH, headers=headers).status_code == 400
    assert instance.server.client.post(SSH_PATH, headers=headers).status_code in (403, 405)


def test_past_the_most_sessions_there_is_a_sentence(instance: SshInstance) -> None:
    sockets = [instance.websocket() for _ in range(MOST)]
    status, sentence = refusal(instance, "ticket-alice")
    assert (status, sentence[: len(str(MOST))]) == (429, str(MOST))
    for each in sockets:
        each.close()
    eventually(lambda: not instance.daemons())
    instance.websocket().close()


@pytest.mark.parametrize(
    ("send", "code"),
    [
        (lambda ws: ws.send("text"), 1003),
        (lambda ws: ws.send_binary(b"x" * (MB + 1)), 1009),
    ],
)
def test_what_is_no_ssh_is_refused(
    instance: SshInstance, send: Callable[[Any], Any], code: int
) -> None:
    connection = instance.websocket()
    assert connection.recv().startswith(b"SSH-2.0-")
    send(connection)
    frame = connection.recv_frame()
    assert (frame.opcode, int.from_bytes(frame.data[:2], "big")) == (8, code)
    connection.close()


def test_the_ticket_is_not_enough_without_a_key_of_its_user(instance: SshInstance) -> None:
    instance.admit("bob")
    for user, key in (("alice", "bob"), ("bob", "alice"), ("alice", "mallory")):
        done = instance.client(user, key).run("train", "id")
        assert done.returncode == 255
        assert b"Permission denied (publickey)" in done.stderr
    assert instance.client("bob").run("train", "exit 3").returncode == 3


def test_neither_the_homes_own_keys_nor_a_password_open_anything(instance: SshInstance) -> None:
    folder = instance.home / ".ssh"
    folder.mkdir()
    own = instance.key("mallory").with_suffix(".pub").read_text()
    (folder / "authorized_keys").write_text(own)
    (folder / "rc").write_text(f"touch {instance.home}/from-rc\n")
    (folder / "environment").write_text("FROM_HOME=1\n")
    refused = instance.client("alice", "mallory").run("train", "id")
    assert b"Permission denied (publickey)" in refused.stderr
    assert instance.client().run("train", "echo -$FROM_HOME").stdout == b"-\n"
    assert not (instance.home / "from-rc").exists()


def test_another_user_of_the_system_cannot_be_logged_in(instance: SshInstance) -> None:
    done = instance.client().run("-l", "daemon", "train", "id")
    assert b"Permission denied" in done.stderr


def test_options_before_a_key_do_not_count(instance: SshInstance) -> None:
    line = instance.keeper.keys["alice"][0]
    instance.keeper.keys["alice"] = [f'command="echo owned" {line}', f"{line}\n{line}", line]
    assert instance.client().run("train", "echo mine").stdout == b"mine\n"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_each_type_of_key_opens_and_its_removal_ends_the_session(
    instance: SshInstance, kind: str
) -> None:
    line = instance.key("typed", kind).with_suffix(".pub").read_text()
    instance.keeper.keys["alice"].append(" ".join(line.split()[:2]))
    client = instance.client("alice")
    client.key = instance.key("typed", kind)
    client.configure()
    with client.open("train", "echo in; exec cat") as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        del instance.keeper.keys["alice"][1]
        assert process.wait(OUT_WITHIN) == 255


def test_whoever_may_not_be_here_any_more_is_out_and_hears_why(instance: SshInstance) -> None:
    instance.admit("bob")
    with (
        instance.client("bob").open("-tt", "train") as bobs,
        instance.client("alice").open("train", "echo in; exec cat") as alices,
    ):
        assert alices.stdout
        assert bobs.stdout
        assert alices.stdout.readline() == b"in\n"
        assert bobs.stdout.read(1)
        del instance.keeper.keys["bob"]
        assert bobs.wait(OUT_WITHIN) == 255
        assert bobs.stderr
        assert NO_MORE in bobs.stderr.read().decode()
        # Two turns later she is still there, although another key of hers has come and gone.
        instance.admit("alice", "alice", "second")
        asked = instance.keeper.asked
        eventually(lambda: instance.keeper.asked >= asked + 2, 3 * FRESH)
        instance.admit("alice")
        eventually(lambda: instance.keeper.asked >= asked + 4, 3 * FRESH)
        assert alices.stdin
        alices.stdin.write(b"still\n")
        alices.stdin.flush()
        assert alices.stdout.readline() == b"still\n"


def test_a_client_that_reads_nothing_is_out_too(instance: SshInstance) -> None:
    instance.admit("bob")
    with instance.client("bob").open("train", "cat /dev/zero") as process:
        assert process.stdout
        assert process.stdout.read(1) == b"\0"
        eventually(lambda: _is_at_rest(instance))
        del instance.keeper.keys["bob"]
        eventually(lambda: not instance.daemons(), OUT_WITHIN)


def test_sessions_outlive_a_restart_of_control_but_not_its_absence(instance: SshInstance) -> None:
    with instance.client().open("train", "echo in; exec cat") as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        asked = instance.keeper.asked
        instance.keeper.refusals = 2
        eventually(lambda: instance.keeper.asked >= asked + 4, 6 * FRESH)
        assert process.poll() is None
        instance.keeper.refusals = -1
        assert process.wait(ABSENT + 3 * FRESH) == 255


def test_a_session_and_its_silence_are_no_activity(instance: SshInstance) -> None:
    def last() -> Any:
        return instance.server.client.get("api/status").json()["last_activity"]

    before = last()
    assert instance.client().run("train", "head -c 100000 /dev/zero").returncode == 0
    instance.websocket().close()
    assert last() == before


def test_a_killed_client_leaves_no_sshd(instance: SshInstance) -> None:
    with instance.client().open("-tt", "train", "sleep 1000") as process:
        eventually(instance.daemons)
        process.kill()
    eventually(lambda: not instance.daemons(), OUT_WITHIN)


def test_an_sshd_that_does_not_see_its_client_go_is_ended(instance: SshInstance) -> None:
    connection = instance.websocket()
    [daemon] = instance.daemons()
    daemon.suspend()
    connection.shutdown()
    eventually(lambda: not instance.daemons(), 2 * OUT_WITHIN)


def test_an_sshd_that_dies_ends_the_connection(instance: SshInstance) -> None:
    with instance.client().open("train", "echo in; exec cat") as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        for daemon in instance.daemons():
            daemon.kill()
        assert process.wait(OUT_WITHIN) == 255


def test_a_stalled_sshd_stops_what_its_client_sends(instance: SshInstance) -> None:
    connection = instance.websocket()
    [daemon] = instance.daemons()
    before = instance.process.memory_info().rss
    daemon.suspend()
    connection.settimeout(2)
    sent: list[int] = []

    def send_all() -> None:
        while len(sent) < 200:
            connection.send_binary(b"x" * MB)
            sent.append(MB)

    with pytest.raises(websocket.WebSocketTimeoutException):
        send_all()
    assert sum(sent) < 20 * MB
    assert instance.process.memory_info().rss < before + 16 * MB
    daemon.resume()
    connection.shutdown()


def test_a_stalled_client_stops_what_its_sshd_sends(
    tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    never_stops = tmp_path / "bin" / "sshd"
    never_stops.parent.mkdir()
    never_stops.write_text("#!/bin/sh\nexec -a sshd cat /dev/zero\n".replace("sh\n", "bash\n"))
    never_stops.chmod(0o755)
    path = f"{never_stops.parent}:{os.environ['PATH']}"
    with ssh_instance(tmp_path, start_server, PATH=path) as instance:
        before = instance.process.memory_info().rss
        connection = instance.websocket()
        eventually(lambda: _is_at_rest(instance))
        assert instance.process.memory_info().rss < before + 24 * MB
        received = 0
        while received < 64 * MB:
            received += len(connection.recv())
        connection.shutdown()
        eventually(lambda: not instance.daemons(), OUT_WITHIN)


def _is_at_rest(instance: SshInstance) -> bool:
    """Whether no sshd has moved a byte for a while."""

    def moved() -> list[int]:
        return [one.io_counters().write_chars for one in instance.daemons()]

    seen = [moved()]

    def again() -> bool:
        seen.append(moved())
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    eventually(again, every=0.5)
    return True


def test_nothing_secret_is_left_in_files_or_told_in_commands(instance: SshInstance) -> None:
    def folders() -> list[Path]:
        places = map(Path, private_places(instance.process.environ()))
        return [folder for place in places for folder in place.glob("dsw-ssh-*")]

    before = set(folders())
    connection = instance.websocket()
    [folder] = set(folders()) - before
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    token = instance.process.environ()["JUPYTERHUB_API_TOKEN"]
    [daemon] = instance.daemons()
    assert token not in " ".join(daemon.cmdline())
    assert token not in json.dumps(daemon.environ())
    connection.close()
    with instance.client().open("train", "echo in; exec cat") as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        assert not set(folders()) - before


def test_a_server_that_stops_or_is_killed_takes_every_sshd_along(
    tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    for number, how in ((signal.SIGTERM, "stop"), (signal.SIGKILL, "kill")):
        folder = tmp_path / how
        folder.mkdir()
        with ssh_instance(folder, start_server) as instance:
            eventually(lambda: instance.keeper.hosts)
            with instance.client().open("train", "echo in; exec cat") as process:
                assert process.stdout
                assert process.stdout.readline() == b"in\n"
                daemons = instance.daemons()
                os.kill(instance.process.pid, number)
                assert process.wait(OUT_WITHIN) == 255
                _, alive = psutil.wait_procs(daemons, OUT_WITHIN)
                assert not alive


def test_rsync_and_git_go_over_it(instance: SshInstance, tmp_path: Path) -> None:
    client = instance.client()
    shell = " ".join(client.command())
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(100_000))
    for command in (
        ["rsync", "-a", "-e", shell, f"{source}/", f"train:{instance.home}/copied"],
        ["git", "init", "-q", "--bare", str(instance.home / "repository")],
        ["git", "clone", "-q", f"train:{instance.home}/repository", str(tmp_path / "clone")],
    ):
        environ = {**os.environ, "GIT_SSH_COMMAND": shell}
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)
    assert (instance.home / "copied" / "file").read_bytes() == (source / "file").read_bytes()
    assert (tmp_path / "clone" / ".git").is_dir()
