"""SSH into a real container with OpenSSH's own clients, by both roads."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import select
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from tests.polling import eventually
from tests.ports import an_unused_port
from tests.ssh_computers import ROADS, Computer
from tests.workbenches import TestBench, User

pytestmark = pytest.mark.docker

HOST = "train.dsw"
MANY = 20
SIZE = 200_000_000


@pytest.fixture(scope="module")
def sam(workbench: TestBench) -> User:
    """Whose instance it is."""
    workbench.wait_until_ready()
    return workbench.user("sam")


@pytest.fixture(scope="module")
def train(sam: User) -> Iterator[Any]:
    """Sam's instance for all these tests."""
    made = sam.running(name="train", spec="small")
    eventually(lambda: sam.get(f"instances/{made['id']}")["ssh"], 30)
    yield made
    sam.delete(made["id"])


@pytest.fixture(scope="module")
def computers(
    tmp_path_factory: pytest.TempPathFactory, sam: User, train: Any
) -> dict[str, Computer]:
    """Sam's computers: one by each road."""
    folder = tmp_path_factory.mktemp("computers")
    found = {road: Computer(folder / road, sam, road) for road in ROADS}
    for computer in found.values():
        computer.know()
    return found


@pytest.fixture(params=ROADS)
def computer(request: pytest.FixtureRequest, computers: dict[str, Computer]) -> Computer:
    """One of them."""
    return computers[request.param]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A file that does not compress, and its checksum."""
    file = tmp_path_factory.mktemp("big") / "a file"
    content = os.urandom(SIZE)
    file.write_bytes(content)
    return file, hashlib.sha256(content).hexdigest()


def checksum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sessions(workbench: TestBench, item: Any) -> int:
    """How many sshd run in the instance."""
    script = "cat /proc/[0-9]*/comm 2>/dev/null | grep -c '^sshd' || true"
    return int(workbench.execute(item, "sh", "-c", script))


@contextmanager
def tunnel(computer: Computer, *words: str) -> Iterator[subprocess.Popen[Any]]:
    """A connection that only forwards, until the block ends."""
    options = ("-N", "-o", "ExitOnForwardFailure=yes")
    with computer.start(*computer.ssh(*options, *words, HOST)) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)


def answers(url: str, **how: Any) -> Any:
    """What is served there, as soon as it is."""

    def ask() -> Any:
        try:
            return httpx.get(url, trust_env=False, timeout=10, **how)
        except httpx.HTTPError:
            return None

    return eventually(ask, 30)


def test_a_command_runs_with_its_exit_code_and_streams(computer: Computer) -> None:
    done = computer.done(HOST, "id -un; cat; echo bad >&2; exit 7", input="given")
    assert (done.returncode, done.stdout, done.stderr) == (7, "dsw\ngiven", "bad\n")
    assert computer.done(HOST, "true").returncode == 0
    assert computer.done(HOST, "kill -9 $$").returncode == 255
    assert computer.ok(HOST, "pwd; echo $HOME").split() == ["/mnt/workspace"] * 2


def test_a_session_has_the_environment_of_the_instance(computer: Computer) -> None:
    assert computer.ok(HOST, "which python dsw").split() == [
        "/opt/venv/bin/python",
        "/opt/venv/bin/dsw",
    ]
    assert computer.ok("-o", "SetEnv=LC_TEST=ok", HOST, "echo $LC_TEST") == "ok\n"


def test_dsw_ssh_needs_no_configuration(computers: dict[str, Computer]) -> None:
    computer = computers["proxy"]
    assert computer.dsw("ssh", "train", "--", "-T", "echo $((40 + 2))") == "42\n"


def test_200_mb_arrive_by_scp_and_rsync(
    computer: Computer, big: tuple[Path, str], tmp_path: Path
) -> None:
    file, expected = big
    scp = ["scp", "-q", "-F", str(computer.config)]
    rsync = ["rsync", "-e", f"ssh -F '{computer.config}'", "--whole-file"]
    for program, there, back in ((scp, "by-scp", "scp"), (rsync, "by-rsync", "rsync")):
        for pair in ((str(file), f"{HOST}:{there}"), (f"{HOST}:{there}", str(tmp_path / back))):
            done = computer.run(*program, *pair)
            assert done.returncode == 0, done.stderr
        assert computer.ok(HOST, f"sha256sum < {there}").split()[0] == expected
        assert checksum(tmp_path / back) == expected
    computer.ok(HOST, "rm by-scp by-rsync")


def test_a_tree_is_kept_up_to_date_by_rsync(computer: Computer, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "a b").write_text("1")
    (tree / "link").symlink_to("deep/a b")
    rsync = ["rsync", "-a", "--delete", "-e", f"ssh -F '{computer.config}'"]
    assert computer.run(*rsync, f"{tree}/", f"{HOST}:tree").returncode == 0
    (tree / "deep" / "a b").write_text("22")
    assert computer.run(*rsync, f"{tree}/", f"{HOST}:tree").returncode == 0
    assert computer.ok(HOST, "cat tree/link; rm -r tree") == "22"


def test_sftp_puts_lists_renames_and_gets(computer: Computer, tmp_path: Path) -> None:
    (tmp_path / "up").write_text("content")
    batch = f"mkdir box\nput '{tmp_path}/up' box/one\nrename box/one box/two\nls box\n"
    batch += f"get box/two '{tmp_path}/down'\nrm box/two\nrmdir box\n"
    done = computer.run("sftp", "-q", "-F", computer.config, "-b", "-", HOST, input=batch)
    assert done.returncode == 0, done.stderr
    assert "box/two" in done.stdout
    assert (tmp_path / "down").read_text() == "content"


def test_a_local_port_leads_into_the_instance(computer: Computer, train: Any) -> None:
    port = an_unused_port()
    with tunnel(computer, "-L", f"{port}:127.0.0.1:8888"):
        answer = answers(f"http://127.0.0.1:{port}{train['url']}api")
        assert "version" in answer.json()


class Here(BaseHTTPRequestHandler):
    """A server on the computer outside."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from outside")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_port_of_the_instance_leads_outside(computer: Computer) -> None:
    server = HTTPServer(("127.0.0.1", 0), Here)
    thread = Thread(target=server.serve_forever)
    thread.start()
    words = ("-R", f"18123:127.0.0.1:{server.server_port}", "-o", "ExitOnForwardFailure=yes")
    script = "python -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:18123').read())\""
    try:
        assert computer.ok(*words, HOST, script) == "b'from outside'\n"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def by_socks(port: int, target: tuple[str, int]) -> socket.socket:
    """A connection through a SOCKS 5 proxy (RFC 1928)."""
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    made.sendall(b"\x05\x01\x00")
    assert made.recv(2) == b"\x05\x00"
    host = target[0].encode()
    made.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + struct.pack(">H", target[1]))
    assert made.recv(10)[:2] == b"\x05\x00"
    return made


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_a_dynamic_forward_reaches_what_the_instance_reaches(
    computer: Computer, train: Any
) -> None:
    port = an_unused_port()
    with tunnel(computer, "-D", str(port)):
        eventually(lambda: listens(port), 30)
        with by_socks(port, ("localhost", 8888)) as made:
            made.sendall(f"GET {train['url']}api HTTP/1.0\r\n\r\n".encode())
            assert b" 200 " in made.recv(10_000)


SOCKET_SERVER = """
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind("/tmp/there.sock")
server.listen()
print("listening", flush=True)
made, _ = server.accept()
made.sendall(made.recv(100).upper())
os.unlink("/tmp/there.sock")
"""


def test_a_unix_socket_is_forwarded(computer: Computer, tmp_path: Path) -> None:
    near = tmp_path / "near.sock"
    command = computer.ssh(
        "-L", f"{near}:/tmp/there.sock", HOST, "python", "-c", f"'{SOCKET_SERVER}'"
    )
    with computer.start(*command) as process:
        assert process.stdout
        assert process.stdout.readline() == "listening\n"
        with socket.socket(socket.AF_UNIX) as made:
            made.connect(str(near))
            made.sendall(b"hello")
            assert made.recv(100) == b"HELLO"
        process.communicate(timeout=30)


def test_one_connection_serves_many_by_control_master(
    computer: Computer, workbench: TestBench, train: Any, tmp_path: Path
) -> None:
    path = str(tmp_path / "master")
    options = ("-o", f"ControlPath={path}")
    master = computer.session("-M", *options, HOST)
    with ThreadPoolExecutor() as pool:
        words = [(*options, HOST, f"echo {number}") for number in range(8)]
        said = list(pool.map(lambda each: computer.ok(*each), words))
    assert said == [f"{number}\n" for number in range(8)]
    assert "Master running" in computer.done(*options, "-O", "check", HOST).stderr
    assert computer.done(*options, "-O", "exit", HOST).returncode == 0
    master.ended()
    eventually(lambda: sessions(workbench, train) == 0)


def test_a_terminal_has_the_size_of_ones_own(computer: Computer) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        command = computer.ssh("-tt", HOST, "sh")
        os.execvpe("ssh", command, computer.environment)
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
        assert "31 97" in shown(terminal, "stty size; tty", "/dev/pts/")
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
        shown(
            terminal, "until stty size | grep '50 132'; do :; done; echo re$((1))sized", "re1sized"
        )
        os.write(terminal, b"exit 3\r")
        assert "closed" in shown(terminal, "", "closed")
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


def shown(terminal: int, line: str, until: str) -> str:
    """What the terminal shows up to a word, after a line was typed."""
    if line:
        os.write(terminal, f"{line}\r".encode())
    text, deadline = "", time.monotonic() + 30
    while until not in text:
        assert select.select([terminal], [], [], deadline - time.monotonic())[0], text
        try:
            text += os.read(terminal, 10_000).decode()
        except OSError as error:
            raise AssertionError(text) from error
    return text


def test_many_sessions_are_open_at_once(
    computer: Computer, workbench: TestBench, train: Any
) -> None:
    with ThreadPoolExecutor(MANY) as pool:
        opened = list(pool.map(lambda _: computer.session(HOST), range(MANY)))
    assert all(each.echoes(f"line {number}") for number, each in enumerate(opened))
    assert sessions(workbench, train) >= MANY
    for each in opened:
        each.close()
    eventually(lambda: sessions(workbench, train) == 0)


def test_the_agent_is_forwarded_to_the_instance(
    computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "agent")
    key = str(computer.home / ".config" / "dsw" / "ssh" / "id_ed25519")
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as agent:
        try:
            eventually(lambda: Path(path).exists())
            monkeypatch.setitem(computer.environment, "SSH_AUTH_SOCK", path)
            assert computer.run("ssh-add", "-q", key).returncode == 0
            there = computer.ok("-A", HOST, "ssh-add -L")
        finally:
            agent.terminate()
    assert there.split()[1] == Path(f"{key}.pub").read_text().split()[1]


def test_sessions_outlive_hub_and_control(computer: Computer, workbench: TestBench) -> None:
    session = computer.session(HOST)
    for program in ("control", "hub"):
        workbench.kill(program)
        workbench.wait_until_ready()
        assert session.echoes(f"after {program}")
    session.close()


def test_when_the_proxy_restarts_sessions_end_and_leave_nothing(
    computer: Computer, workbench: TestBench, train: Any
) -> None:
    opened = [computer.session(HOST) for _ in range(3)]
    workbench.kill("proxy")
    for session in opened:
        session.ended(20)
        assert session.process.returncode == 255
    eventually(lambda: sessions(workbench, train) == 0, 20)
    workbench.wait_until_ready()
    eventually(lambda: computer.done(HOST, "true").returncode == 0, 60)


def test_a_stopped_instance_is_started_by_connecting(
    computers: dict[str, Computer], sam: User, train: Any
) -> None:
    for road, computer in computers.items():
        sam.http.post(f"instances/{train['id']}/stop")
        sam.wait(train["id"], "Stopped")
        if road == "proxy":
            done = computer.done(HOST, "true")
            assert done.returncode == 255
            assert "is Stopped" in done.stderr
            assert computer.dsw("ssh", "--start", "train", "--", "-T", "echo up") == "up\n"
        else:
            assert computer.ok(HOST, "echo up") == "up\n"
        assert sam.state(train["id"]) == "Running"


# What IDEs do.

PROBE = """
echo "$SHELL"; uname -sm; test -d .ide-server && echo installed
mkdir -p .ide-server && echo ready-for-upload
"""
LAUNCH = """
cd ~/.ide-server && tar -xzf server.tgz
nohup python -u -m http.server 0 --bind 127.0.0.1 --directory web >log 2>&1 </dev/null &
echo $! > pid
until grep -oE 'port [0-9]+' log | tail -1 | grep -oE '[0-9]+'; do :; done
echo launched
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """What stands for an IDE's server: an archive with something that it serves."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "index.html").write_text("the IDE")
    command = ["tar", "-czf", "server.tgz", "web"]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path / "server.tgz"


def said(process: subprocess.Popen[Any], script: str, last: str) -> list[str]:
    """What a shell at the other end of a pipe answers, up to a line."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(script)
    process.stdin.flush()
    lines: list[str] = []
    while not lines or lines[-1] != last:
        line = process.stdout.readline()
        assert line, lines
        lines.append(line.strip())
    return lines


def test_the_way_of_vs_code_remote_ssh(computer: Computer, server: Path) -> None:
    """One connection with a shell on its input and a SOCKS port, an upload beside it, a server
    that stays when the window closes, and a second window that finds it."""
    port = an_unused_port()
    with computer.start(*computer.ssh("-T", "-D", str(port), HOST, "bash")) as window:
        probe = said(window, PROBE, "ready-for-upload")
        assert probe[:2] == ["/bin/bash", "Linux x86_64"]
        assert "installed" not in probe
        content = server.read_bytes()
        computer.ok("-T", HOST, "cat > ~/.ide-server/server.tgz", input=content, text=False)
        there = int(said(window, LAUNCH, "launched")[-2])
        with by_socks(port, ("127.0.0.1", there)) as made:
            made.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"the IDE" in made.makefile("rb").read()
        window.communicate("exit\n", timeout=30)
    near = an_unused_port()
    with tunnel(computer, "-L", f"{near}:localhost:{there}"):
        assert answers(f"http://127.0.0.1:{near}/").text == "the IDE"
    assert computer.ok(HOST, "kill $(cat .ide-server/pid) && rm -r .ide-server") == ""


def test_the_way_of_jetbrains_gateway(computer: Computer, server: Path) -> None:
    """Upload by sftp, commands over one connection each, and a forwarded port."""
    batch = f"mkdir .ide-server\nput '{server}' .ide-server/server.tgz\n"
    command = ("sftp", "-q", "-F", computer.config, "-b", "-", HOST)
    assert computer.run(*command, input=batch).returncode == 0
    there = int(computer.ok(HOST, LAUNCH).split()[-2])
    near = an_unused_port()
    with tunnel(computer, "-L", f"{near}:127.0.0.1:{there}"):
        assert answers(f"http://127.0.0.1:{near}/").text == "the IDE"
    assert computer.ok(HOST, "kill $(cat .ide-server/pid) && rm -r .ide-server") == ""


def test_git_pushes_and_clones_over_ssh(
    sam: User, base_image: str, computers: dict[str, Computer], train: Any, tmp_path: Path
) -> None:
    item = sam.running(name="code", spec="small", image=sam.image("base"))
    eventually(lambda: sam.get(f"instances/{item['id']}")["ssh"], 30)
    try:
        for road, computer in computers.items():
            computer.know()
            push_and_clone(computer, tmp_path / road, f"repository-{road}.git")
    finally:
        sam.delete(item["id"])
        for computer in computers.values():
            computer.know()


def push_and_clone(computer: Computer, folder: Path, name: str) -> None:
    computer.ok("code.dsw", f"git init -q --bare {name}")
    computer.environment["GIT_SSH_COMMAND"] = f"ssh -F '{computer.config}'"
    who = ["-c", "user.name=sam", "-c", "user.email=sam@example.com"]
    folder.mkdir()
    for words in (
        ["init", "-q", "-b", "main", "mine"],
        ["-C", "mine", *who, "commit", "-q", "--allow-empty", "-m", "first"],
        ["-C", "mine", "push", "-q", f"code.dsw:{name}", "main"],
        ["clone", "-q", "-b", "main", f"code.dsw:{name}", "theirs"],
    ):
        done = computer.run("git", *words, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert computer.run("git", "-C", folder / "theirs", "log", "--format=%s").stdout == "first\n"
