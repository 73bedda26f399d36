"""What people do over SSH, with the OpenSSH client: commands, terminals, files, forwards."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.dsw_server.conftest import Server
from tests.dsw_server.ssh_instance import SshClient, SshInstance, ssh_instance
from tests.polling import eventually
from tests.ports import an_unused_port

MB = 1024**2
ODD = "a \"quoted\" \\back 'single' #hash %h $HOME \t tab é "


@pytest.fixture(scope="module")
def instance(
    tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Server]
) -> Iterator[SshInstance]:
    folder = tmp_path_factory.mktemp("instance")
    environ = {"DSW_ODD": ODD, "DSW_LINES": "one\ntwo", "HTTPS_PROXY": "http://proxy:3128"}
    with ssh_instance(folder, start_server, **environ) as running:
        eventually(lambda: running.keeper.hosts)
        yield running


@pytest.fixture
def alice(instance: SshInstance) -> SshClient:
    return instance.client()


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_a_command_answers_with_its_exit_code(alice: SshClient, code: int) -> None:
    assert alice.run("train", f"exit {code}").returncode == code


def test_input_output_and_errors_are_as_they_were_sent(alice: SshClient) -> None:
    data = os.urandom(300_000) + bytes(range(256)) * 40
    done = alice.run("train", "cat; printf 'to \\000 err' >&2", input=data)
    assert (done.stdout, done.stderr, done.returncode) == (data, b"to \0 err", 0)


def test_a_session_has_the_environment_of_the_servers_terminals(
    instance: SshInstance, alice: SshClient
) -> None:
    lines = alice.run("train", "env -0").stdout.split(b"\0")
    session = dict(os.fsdecode(line).split("=", 1) for line in lines if line)
    terminal = instance.process.environ()
    assert session["DSW_ODD"] == ODD
    assert session["HOME"] == str(instance.home)
    own = {"SHELL", "USER", "LOGNAME", "PWD", "OLDPWD", "SHLVL", "_", "TERM", "MAIL", "LC_ALL"}
    ssh = {"SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "DSW_LINES"}
    names = {name for name in terminal if re.fullmatch(r"\w+", name)} - own - ssh
    assert {name: terminal[name] for name in names} == {
        name: value for name, value in session.items() if name not in own | ssh
    }
    assert "DSW_LINES" not in session


def test_a_clients_language_is_taken_where_the_instance_has_none(alice: SshClient) -> None:
    environment = {**os.environ, "LC_PAPER": "de_AT", "LD_PRELOAD_X": "evil"}
    sending = ("-o", "SendEnv=LC_* LD_*")
    done = alice.run(*sending, "train", "echo $LC_PAPER-$LD_PRELOAD_X", env=environment)
    assert done.stdout == b"de_AT-\n"


def test_a_terminal_is_a_terminal(alice: SshClient) -> None:
    script = "stty rows 43 columns 132; stty size; tty; test -t 0 && echo $TERM"
    environment = {**os.environ, "TERM": "xterm-256color"}
    done = alice.run("-tt", "train", script, env=environment, stdin=subprocess.DEVNULL)
    size, tty, term = done.stdout.decode().split("\r\n")[:3]
    assert (size, tty[:9], term) == ("43 132", "/dev/pts/", "xterm-256color")


def test_files_go_by_sftp_and_scp(instance: SshInstance, alice: SshClient, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(os.urandom(5 * MB))
    batch = f"put {sent} by-sftp\nmkdir folder\nrename by-sftp folder/moved\nls folder\n"
    done = alice.run("-b", "-", "train", program="sftp", input=batch.encode())
    assert done.returncode == 0, done.stderr
    assert (instance.home / "folder" / "moved").read_bytes() == sent.read_bytes()
    back = tmp_path / "back"
    done = alice.run(f"train:{instance.home}/folder/moved", str(back), program="scp")
    assert done.returncode == 0, done.stderr
    assert back.read_bytes() == sent.read_bytes()


def test_200_mb_arrive_whole_and_never_fill_the_servers_memory(
    instance: SshInstance, alice: SshClient, tmp_path: Path
) -> None:
    sent, back = tmp_path / "sent", tmp_path / "back"
    with sent.open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(MB))
    before = instance.process.memory_info().rss
    for where in ((str(sent), f"train:{instance.home}/big"), ("train:big", str(back))):
        assert alice.run("-q", *where, program="scp").returncode == 0
    assert _digest(back) == _digest(sent)
    status = Path(f"/proc/{instance.process.pid}/status").read_text()
    most = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    assert most < before + 32 * MB


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


class Hello(SimpleHTTPRequestHandler):
    """Says one word."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def a_program() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _says_hello(port: int, proxy: str | None = None, target: int | None = None) -> bool:
    try:
        with httpx.Client(trust_env=False, proxy=proxy) as client:
            return client.get(f"http://127.0.0.1:{target or port}/").text == "hello"
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("direction", ["-L", "-R"])
def test_ports_are_forwarded_both_ways(alice: SshClient, direction: str) -> None:
    port = an_unused_port()
    with a_program() as inside:
        forward = f"127.0.0.1:{port}:127.0.0.1:{inside}"
        with alice.open("-N", direction, forward, "train") as process:
            eventually(lambda: _says_hello(port) or process.poll() is not None)
            assert process.poll() is None
    assert not _says_hello(port)


def test_a_socks_proxy_goes_through_the_instance(alice: SshClient) -> None:
    # As Remote-SSH starts it: dynamic forward, no terminal, and a shell that reads its script.
    port = an_unused_port()
    with a_program() as inside, alice.open("-T", "-D", str(port), "train", "bash") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"echo ready\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"\x05\x01\x00")
            assert connection.recv(2) == b"\x05\x00"
            connection.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + inside.to_bytes(2, "big"))
            assert connection.recv(10)[:2] == b"\x05\x00"
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert connection.makefile("rb").read().endswith(b"hello")


def test_unix_sockets_are_forwarded(alice: SshClient, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(inside))
        listening.listen()
        with alice.open("-N", "-L", f"{outside}:{inside}", "train"):
            eventually(outside.exists)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(outside))
                connection.sendall(b"x")
                accepted, _ = listening.accept()
                with accepted:
                    assert accepted.recv(1) == b"x"


def test_an_agent_is_forwarded(instance: SshInstance, alice: SshClient, tmp_path: Path) -> None:
    address = str(tmp_path / "agent")
    environment = {**os.environ, "SSH_AUTH_SOCK": address}
    with subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.DEVNULL) as agent:
        eventually(lambda: Path(address).exists())
        add = ["ssh-add", "-q", str(instance.key("deploy"))]
        subprocess.run(add, env=environment, check=True, capture_output=True)
        done = alice.run("-A", "train", "ssh-add -L", env=environment)
        agent.terminate()
    assert done.stdout.decode().rstrip().endswith("deploy")


def test_twenty_sessions_at_once_all_get_what_is_theirs(
    instance: SshInstance, alice: SshClient
) -> None:
    def one(number: int) -> bytes:
        done = alice.run("train", f"cat; echo {number}", input=b"%d\n" % number * 20_000)
        assert done.stderr == b""
        return bytes(done.stdout)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    assert answers == [b"%d\n" % number * 20_001 for number in range(20)]
    eventually(lambda: not instance.daemons())


def test_one_connection_carries_many_sessions(alice: SshClient, tmp_path: Path) -> None:
    path = ("-S", str(tmp_path / "master"))
    with alice.open("-M", "-N", *path, "train"):
        eventually((tmp_path / "master").exists)
        with ThreadPoolExecutor(20) as pool:
            done = list(pool.map(lambda n: alice.run(*path, "train", f"exit {n}"), range(20)))
    assert [each.returncode for each in done] == list(range(20))
