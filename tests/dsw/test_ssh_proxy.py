"""The ProxyCommand as a process of its own, against tickets and websockets over HTTP."""

from __future__ import annotations

import ast
import asyncio
import base64
import hashlib
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.websockets import WebSocket
from tests.dsw.ssh_worlds import HOST_KEY, READY, TICKET, TOKEN, World, running
from tests.polling import eventually
from tests.ports import an_unused_port

import dsw.ssh
from dsw import ssh_proxy
from dsw.cli import credentials

WAITING = {**READY, "state": "Queuing", "message": "Waiting for 1 GPU.", "ticket": None}
PULLING = {**WAITING, "state": "EnvPreparing", "message": "Pulling the image.", "percent": 40.2}
SOURCE = Path(ssh_proxy.__file__)


@pytest.fixture
def world() -> Iterator[World]:
    """A workbench whose instance sends back what it gets."""
    with running(World()) as found:
        yield found


def served(session: Any) -> Any:
    """A workbench with another kind of instance."""
    return running(World(session))


def test_bytes_pass_both_ways_as_they_are(world: World) -> None:
    sent = os.urandom(30_000_000)
    with world.start() as proxy:
        assert proxy.stdin
        assert proxy.stdout
        writer = Thread(target=proxy.stdin.write, args=(sent,))
        writer.start()
        back = hashlib.sha256()
        for _ in range(30):
            back.update(proxy.stdout.read(1_000_000))
        writer.join()
        assert back.digest() == hashlib.sha256(sent).digest()
        assert proxy.communicate(timeout=30) == (b"", b"")
    assert proxy.returncode == 0


def test_the_instance_sees_the_ticket_and_never_the_token(world: World) -> None:
    world.start().communicate(timeout=30)
    [seen] = world.opened
    assert seen["x-dsw-ticket"] == TICKET
    assert TOKEN not in str(seen)
    assert not {"origin", "cookie", "authorization"} & set(seen)
    assert world.asked == [{"instance": "train", "start": False}]
    assert world.tokens == [f"Bearer {TOKEN}"]


def test_a_start_is_asked_for_once_waited_for_and_shown(world: World) -> None:
    world.answers = [(200, WAITING), (200, PULLING), (503, {"detail": "x"}), (200, READY)]
    out, err = world.start("--start", "train").communicate(timeout=30)
    assert out == b""
    assert err.decode().splitlines() == [
        "train: Queuing Waiting for 1 GPU.",
        "train: EnvPreparing 40 % Pulling the image.",
    ]
    assert {asked["instance"] for asked in world.asked} == {"train"}
    assert [asked["start"] for asked in world.asked] == [True, False, False, False]
    assert len(world.opened) == 1


def test_on_a_terminal_the_progress_is_one_line_that_vanishes(world: World) -> None:
    evil = {**WAITING, "message": "x\x1b[2Jy\r\nz"}
    world.answers = [(200, evil), (200, READY)]
    terminal, other = pty.openpty()
    command, environment = world.command("--start", "train"), world.environment()
    null = subprocess.DEVNULL
    done = subprocess.run(command, env=environment, stdin=null, stderr=other, check=False)
    said = os.read(terminal, 10_000).decode()
    os.close(terminal)
    os.close(other)
    assert done.returncode == 0
    assert said == "\r\x1b[Ktrain: Queuing x [2Jy  z\r\x1b[K"


def test_a_start_that_fails_ends_with_its_reason(world: World) -> None:
    world.answers = [(200, WAITING), (409, {"detail": "train failed (ImagePullFailed). No disk."})]
    _, err = world.start("--start", "train").communicate(timeout=30)
    assert err.decode().splitlines()[-1] == "dsw: train failed (ImagePullFailed). No disk."
    assert world.opened == []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((404, {"detail": "There is no instance 'train'."}), "There is no instance 'train'."),
        ((401, {"detail": "No."}), "does not know your token. Run: dsw login http"),
        ((409, {"detail": "It is Stopped. \x1b[31mUse --start."}), "Stopped. [31mUse --start."),
        ((500, "<html>"), "answered 500; is that the workbench's address?"),
        ((302, ""), "answered 302; is that the workbench's address?"),
        ((200, "<html>"), "its answer cannot be read"),
        ((503, {"detail": "The hub is away."}), "does not answer (The hub is away.)"),
        ((200, {**READY, "ticket": "forged"}), "(403). This ticket is not good."),
        ((200, {**READY, "url": "/user/alice/gone/"}), "refused the connection (403)"),
        ((200, {**READY, "url": "http://elsewhere.example/"}), "is not below"),
        ((200, {**READY, "url": "http://127.0.0.1:1/user/alice/train/"}), "is not below"),
        ((200, {**READY, "url": "http://[/"}), "is not an address"),
    ],
)
def test_a_refusal_is_one_sentence(world: World, answer: tuple[int, Any], sentence: str) -> None:
    world.answers = [answer]
    assert sentence in world.refused()


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "-oProxyCommand=x",
        "a b",
        "$(id)",
        "x;y",
        "..",
        "a/../b",
        "-x/a",
        "",
        "a\n",
        "A",
        "%h",
    ],
)
def test_what_is_no_name_is_asked_of_nobody(world: World, name: str) -> None:
    assert "is not an instance. Write the NAME" in world.refused("--", name)
    assert world.asked == []


@pytest.mark.parametrize("name", ["train", "dsw-aaaabbbbcccc", "bob/train", "b@example.com/a-1"])
def test_names_ids_and_those_of_others_are_asked_for(world: World, name: str) -> None:
    world.start(name).communicate(timeout=30)
    assert world.asked[0]["instance"] == name


def test_who_is_not_logged_in_is_told_what_to_do(world: World, tmp_path: Path) -> None:
    missing = {"DSW_TOKEN": "", "XDG_CONFIG_HOME": str(tmp_path)}
    assert "You are not logged in" in world.refused("train", **missing)
    assert "is not an address" in world.refused("train", DSW_URL="ftp://x")
    nobody = f"http://127.0.0.1:{an_unused_port()}"
    assert "does not answer (Connection refused)" in world.refused("train", DSW_URL=nobody)


def test_it_reads_the_login_that_the_command_line_keeps(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    credentials.write(credentials.Credentials(url=world.url, token="kept"))
    proxy = world.start("train", DSW_URL="", DSW_TOKEN="", XDG_CONFIG_HOME=str(tmp_path))
    assert proxy.communicate(timeout=30) == (b"", b"")
    assert world.tokens == ["Bearer kept"]


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("/user/alice/train/", "https://dsw.example.com/user/alice/train/dsw/ssh"),
        (
            "https://alice.dsw.example.com/user/alice/train/",
            "https://alice.dsw.example.com/user/alice/train/dsw/ssh",
        ),
        ("https://dsw.example.com:443/a/", "https://dsw.example.com:443/a/dsw/ssh"),
        ("http://dsw.example.com/a/", None),
        ("https://alicedsw.example.com/a/", None),
        ("https://dsw.example.com.evil.example/a/", None),
        ("https://dsw.example.com@evil.example/a/", None),
        ("//evil.example/a/", None),
        ("https://dsw.example.com:8443/a/", None),
        ("https://example.com/a/", None),
        ("ftp://dsw.example.com/a/", None),
    ],
)
def test_a_ticket_goes_to_the_hub_and_what_is_below_it_only(url: str, where: str | None) -> None:
    if where:
        assert ssh_proxy.address("https://dsw.example.com/", url).geturl() == where
        return
    with pytest.raises(ssh_proxy.Refused):
        ssh_proxy.address("https://dsw.example.com/", url)


def test_the_host_key_is_kept_beside_others(world: World, tmp_path: Path) -> None:
    file = tmp_path / "new" / "known hosts"
    words = ("--known-hosts", str(file), "train")
    world.start(*words).communicate(timeout=30)
    assert file.read_text() == f"dsw-aaaabbbbcccc {HOST_KEY}\n"
    file.write_text("other ssh-rsa AAAA\ndsw-aaaabbbbcccc ssh-ed25519 old\n# mine\n")
    for _ in range(2):
        world.start(*words).communicate(timeout=30)
    assert file.read_text().splitlines() == [
        "other ssh-rsa AAAA",
        "# mine",
        f"dsw-aaaabbbbcccc {HOST_KEY}",
    ]
    assert [path.name for path in file.parent.iterdir()] == ["known hosts"]
    assert "cannot be kept" in world.refused("--known-hosts", f"{file}/x", "train")


def test_what_the_instance_does_not_take_waits_at_the_sender() -> None:
    async def reads_nothing(session: WebSocket) -> None:
        await asyncio.sleep(3600)

    with served(reads_nothing) as world, world.start() as proxy:
        assert proxy.stdin
        os.set_blocking(proxy.stdin.fileno(), False)
        taken = accepted(proxy.stdin.fileno())
        assert taken < 40_000_000
        assert resident(proxy.pid) < 100_000_000
        proxy.terminate()
        proxy.communicate(timeout=30)


def accepted(descriptor: int) -> int:
    """Bytes that a pipe took until it took no more for a second."""
    taken, piece = 0, bytes(65_536)

    def write() -> bool:
        nonlocal taken
        try:
            taken += os.write(descriptor, piece)
        except BlockingIOError:
            return False
        return True

    try:
        while eventually(write, timeout=1, every=0.002):
            assert taken < 200_000_000
    except AssertionError:
        return taken
    return taken


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_what_the_client_does_not_take_waits_at_the_instance() -> None:
    sent = 0

    async def talks(session: WebSocket) -> None:
        nonlocal sent
        while sent < 400_000_000:
            await session.send_bytes(bytes(1_000_000))
            sent += 1_000_000

    def is_still() -> bool:
        before = sent
        try:
            eventually(lambda: sent != before, timeout=1)
        except AssertionError:
            return True
        return False

    with served(talks) as world, world.start() as proxy:
        assert eventually(lambda: sent > 0)
        assert eventually(is_still, 30)
        assert sent < 100_000_000
        assert resident(proxy.pid) < 100_000_000
        proxy.terminate()
        proxy.communicate(timeout=30)


async def leaves(session: WebSocket) -> None:
    await session.send_bytes(b"last words")
    await session.close(1000)


async def is_not_allowed(session: WebSocket) -> None:
    await session.close(4403, "Your key was removed.")


async def fails(session: WebSocket) -> None:
    raise RuntimeError("broken on purpose")


def test_when_the_instance_is_done_so_is_the_proxy() -> None:
    with served(leaves) as world, world.start() as proxy:
        assert proxy.stdout
        assert proxy.wait(30) == 0
        assert proxy.stdout.read() == b"last words"


@pytest.mark.parametrize(
    ("session", "why"),
    [
        (is_not_allowed, "The instance ended the connection: Your key was removed."),
        (fails, "The connection to the instance broke (it was closed without a word)."),
    ],
)
def test_an_end_by_the_instance_says_why(session: Any, why: str) -> None:
    with served(session) as world, world.start() as proxy:
        assert proxy.stderr
        assert proxy.wait(30) == 1
        said = proxy.stderr.read().decode()
        assert said == f"dsw: {why}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_the_session(world: World, number: signal.Signals) -> None:
    command = ["env", f"--default-signal={number.name[3:]}", *world.command("train")]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=world.environment(), stdin=pipe, stdout=pipe, stderr=pipe
    ) as proxy:
        assert proxy.stdin
        assert proxy.stdout
        proxy.stdin.write(b"here")
        proxy.stdin.flush()
        assert proxy.stdout.read(4) == b"here"
        proxy.send_signal(number)
        _, err = proxy.communicate(timeout=30)
    assert err == b""
    assert eventually(lambda: world.ended == 1)


def test_a_client_that_is_gone_ends_the_session_without_a_word(world: World) -> None:
    with world.start() as proxy:
        assert proxy.stdin
        assert proxy.stdout
        assert proxy.stderr
        proxy.stdout.close()
        proxy.stdin.write(b"here")
        proxy.stdin.flush()
        assert proxy.wait(30) == 0
        assert proxy.stderr.read() == b""
    assert eventually(lambda: world.ended == 1)


def certificate(folder: Path) -> dict[str, str]:
    """A certificate for 127.0.0.1 that nobody trusts yet, for uvicorn."""
    files = {"ssl_keyfile": str(folder / "key.pem"), "ssl_certfile": str(folder / "cert.pem")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", files["ssl_keyfile"], "-out", files["ssl_certfile"]]
    subprocess.run(command, check=True, capture_output=True)
    return files


def echoed(proxy: subprocess.Popen[bytes], sent: bytes) -> bytes:
    """What comes back, while it is being sent."""
    assert proxy.stdin
    assert proxy.stdout
    writer = Thread(target=lambda: (proxy.stdin.write(sent), proxy.stdin.flush()))
    writer.start()
    back = proxy.stdout.read(len(sent))
    writer.join()
    assert proxy.communicate(timeout=30) == (b"", b"")
    return back


def test_with_tls_it_trusts_the_authorities_of_ssl_cert_file(tmp_path: Path) -> None:
    files, sent = certificate(tmp_path), os.urandom(20_000_000)
    with running(World(), **files) as world:
        assert "its certificate is not trusted: self" in world.refused("train")
        with world.start("train", SSL_CERT_FILE=files["ssl_certfile"]) as proxy:
            assert echoed(proxy, sent) == sent


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_goes_by_the_proxy_of_the_environment(tmp_path: Path, scheme: str) -> None:
    files = certificate(tmp_path) if scheme == "https" else {}
    with running(World(), **files) as world, connect_proxy("me:a b") as (via, targets):
        trusted = {"SSL_CERT_FILE": files["ssl_certfile"]} if files else {}
        chosen = {f"{scheme}_proxy": f"http://me:a%20b@{via}", **trusted}
        with world.start("train", **chosen) as proxy:
            assert echoed(proxy, b"hello") == b"hello"
        here = world.url.partition("://")[2]
        assert targets == [here, here]
        assert "407" in world.refused("train", **{**chosen, f"{scheme}_proxy": f"http://{via}"})
        world.start("train", **chosen, no_proxy="127.0.0.1").communicate(timeout=30)
        assert targets == [here, here]


@contextmanager
def connect_proxy(login: str) -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that does CONNECT for who has the password; its address, and where it led."""
    targets: list[str] = []
    expected = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if expected not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        method, target, _ = head.split(" ", 2)
        assert method == "CONNECT"
        targets.append(target)
        host, _, port = target.partition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = Thread(target=loop.run_forever)
    thread.start()
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"127.0.0.1:{port}", targets
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def test_it_says_what_the_rest_of_the_project_says() -> None:
    assert ssh_proxy.SSH_PATH == dsw.ssh.SSH_PATH
    assert ssh_proxy.TICKET_HEADER == dsw.ssh.TICKET_HEADER


def test_it_is_one_file_of_the_standard_library_for_python_3_8() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 8))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules <= sys.stdlib_module_names | {"__future__"}
