#!/usr/bin/env python3
"""The way of an SSH client to an instance: a ticket of control, then a websocket (ProxyCommand).

One file of the standard library for Python 3.8 or newer, so that it also serves people without the
package, as `dsw-ssh-proxy.py`. It sees no plaintext: SSH is between client and instance.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import time
import unicodedata
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

TICKETS = "services/dsw/api/ssh/tickets"
SSH_PATH = "dsw/ssh"
TICKET_HEADER = "X-DSW-Ticket"
# As the hub's names are; an owner may be anything that the hub takes for a user's name.
INSTANCE = re.compile(r"(?:(?![-.])[^\s/\\\x00-\x1f\x7f]{1,255}/)?[a-z](?:-?[a-z0-9]){0,29}")

POLL_SECONDS = 1.0
ANSWER_SECONDS = 30.0
PATIENCE = 60.0
"""Seconds for which control may be away while a start is waited for."""
GOODBYE_SECONDS = 5.0
"""Seconds for the other end to take its leave."""

CHUNK = 1 << 20
PIPE = 1 << 18
"""Bytes that are read from the SSH client at once; more would be new memory for each read."""
HEAD_MAX = 65_536
F_SETPIPE_SZ = 1031
"""Of Linux; `fcntl` has it since Python 3.10."""
LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
CONTINUATION, BINARY, CLOSE, PING, PONG = 0x0, 0x2, 0x8, 0x9, 0xA
GOING = (1000, 1001)
"""Codes of a websocket's end that mean no harm: done, and going away."""


class Refused(Exception):
    """A sentence for people: why there is no connection, or no more."""


def main(arguments: list[str] | None = None) -> int:
    """Connect standard input and output with an instance's sshd; the exit status."""
    options = _options(arguments)
    try:
        if os.name == "nt":
            raise Refused("This does not run on Windows. Use it in WSL, or the SSH gateway.")
        url, token = login()
        if not INSTANCE.fullmatch(options.instance):
            raise Refused(
                f"{options.instance!r} is not an instance. Write the NAME of one of yours, "
                "OWNER/NAME of one that is shared with you, or an id (dsw-...)."
            )
        ticket = wait_for_ticket(url, token, options.instance, options.start)
        if options.known_hosts and ticket.get("host"):
            remember_host(Path(options.known_hosts), ticket["instance_id"], ticket["host"])
        connection, rest = open_websocket(address(url, ticket["url"]), ticket["ticket"])
        Pump(connection, sys.stdin.fileno(), sys.stdout.fileno()).run(rest)
    except Refused as refusal:
        _tell(f"dsw: {_clean(str(refusal))}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dsw-ssh-proxy",
        description="ProxyCommand for SSH to an instance. DSW_URL and DSW_TOKEN say where and as "
        "whom; without them what `dsw login` has kept.",
    )
    parser.add_argument("--start", action="store_true", help="start the instance if it is stopped")
    parser.add_argument(
        "--known-hosts", metavar="FILE", help="keep the instance's host key there, under its id"
    )
    parser.add_argument("instance", metavar="INSTANCE", help="name, OWNER/NAME or id")
    return parser.parse_args(arguments)


# Who asks, and the ticket.


def login() -> tuple[str, str]:
    """Address of the workbench, ending in a slash, and token: of the environment, or as kept."""
    url, token = os.environ.get("DSW_URL"), os.environ.get("DSW_TOKEN")
    if not (url and token):
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        try:
            kept = json.loads((Path(base) / "dsw" / "credentials.json").read_text("utf-8"))
            url, token = str(kept["url"]), str(kept["token"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(
                "You are not logged in to a workbench. Set DSW_URL and DSW_TOKEN, or run: "
                "dsw login ADDRESS"
            ) from error
    _split(url)
    return url.rstrip("/") + "/", token


def _split(url: str, *below: str) -> SplitResult:
    """The parts of a web address, joined with others; `Refused` when it is none."""
    try:
        for each in below:
            url = urljoin(url, each)
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and _port(parts):
            return parts
    except ValueError:
        pass
    raise Refused(f"{url!r} is not an address. Write it as https://HOST/ or http://HOST/.")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def wait_for_ticket(url: str, token: str, instance: str, start: bool) -> dict[str, Any]:
    """Control's answer that holds a ticket; says on standard error what it waits for."""
    lost_at = None
    told = ""
    while True:
        try:
            answer = ask(url, token, {"instance": instance, "start": start})
            lost_at = None
        except OSError as error:
            # Control may be restarted meanwhile; who never reached it learns so at once.
            lost_at = lost_at or time.monotonic()
            if not told or time.monotonic() - lost_at > PATIENCE:
                raise Refused(f"{url} does not answer ({_why(error)}).") from error
        else:
            if answer.get("ticket"):
                _end_of_progress(told)
                return answer
            told = _progress(answer, told)
            # Who stops it from now on has the last word.
            start = start and answer.get("state") == "Stopping"
        time.sleep(POLL_SECONDS)


def ask(url: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    """What control answers; `OSError` where nothing or a broken proxy does, `Refused` otherwise."""
    parts = _split(url, TICKETS)
    connection = connection_to(parts)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request("POST", parts.path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read(CHUNK)
    except (HTTPException, UnicodeError) as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if answer.status in (502, 503, 504):
        raise OSError(_sentence(text) or f"status {answer.status}")
    if answer.status == 401:
        raise Refused(f"{url} does not know your token. Run: dsw login {url}")
    if answer.status >= 300:
        why = _sentence(text) or f"{url} answered {answer.status}; is that the workbench's address?"
        raise Refused(why)
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise Refused(f"{url} is no workbench: its answer cannot be read.") from error
    return found


def connection_to(parts: SplitResult) -> HTTPConnection:
    """A connection to this host, not yet open; by the proxy that the environment names, if any."""
    host, port = parts.hostname or "", _port(parts)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        return kind(host, port, timeout=ANSWER_SECONDS)
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = kind(via.hostname or "", via.port or 80, timeout=ANSWER_SECONDS)
    headers = {}
    if via.username:
        pair = f"{unquote(via.username)}:{unquote(via.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    connection.set_tunnel(host, port, headers)
    return connection


def address(hub: str, url: str) -> SplitResult:
    """Where an instance's SSH is. A ticket goes to the hub's host or to a host below it only."""
    own, parts = _split(hub), _split(hub, url, SSH_PATH)
    host, home = parts.hostname or "", own.hostname or ""
    same = (parts.scheme, _port(parts)) == (own.scheme, _port(own))
    if not same or not (host == home or host.endswith(f".{home}")):
        raise Refused(
            f"The instance is said to be at {parts.scheme}://{parts.netloc}, which is not below "
            f"{hub}. Log in with the address that people use."
        )
    return parts


def remember_host(file: Path, instance_id: str, host: dict[str, str]) -> None:
    """Keep the host key of an instance, as control gave it, beside what else is in the file."""
    line = f"{instance_id} {' '.join(host['host_key'].split()[:2])}"
    try:
        text = file.read_text("utf-8") if file.exists() else ""
        lines = text.rstrip("\n").split("\n") if text else []
        if line in lines:
            return
        others = [each for each in lines if not each.startswith(f"{instance_id} ")]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        aside.write_text("".join(f"{each}\n" for each in [*others, line]), "utf-8")
        aside.replace(file)
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The host key cannot be kept in {file}: {error}.") from error


# The websocket (RFC 6455).


def open_websocket(parts: SplitResult, ticket: str) -> tuple[socket.socket, bytes]:
    """The connection once it is a websocket, and what has already come over it."""
    connection = connection_to(parts)
    try:
        connection.connect()
        opened: socket.socket = connection.sock
        return opened, _upgraded(opened, parts, ticket)
    except (OSError, HTTPException, UnicodeError) as error:
        connection.close()
        raise Refused(f"{parts.netloc} does not answer ({_why(error)}). Try again.") from error
    except Refused:
        connection.close()
        raise


def _upgraded(opened: socket.socket, parts: SplitResult, ticket: str) -> bytes:
    """Ask for a websocket; what came behind the answer that it is one."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {parts.path} HTTP/1.1",
        f"Host: {parts.netloc.rpartition('@')[2]}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"{TICKET_HEADER}: {ticket}",
    )
    opened.sendall(("\r\n".join(request) + "\r\n\r\n").encode("latin-1"))
    head, rest = _head(opened)
    lines = head.decode("latin-1").split("\r\n")
    status = lines[0].split()[1:2]
    if status != ["101"]:
        why = _sentence(_body(opened, lines, rest)) or "Try again, or look at the instance's page."
        raise Refused(f"The instance refused the connection ({''.join(status)}). {why}")
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())  # noqa: S324
    if base64.b64encode(digest.digest()).decode() not in head.decode("latin-1"):
        raise Refused(f"{parts.netloc} does not speak the websocket protocol.")
    return rest


def _head(opened: socket.socket) -> tuple[bytes, bytes]:
    """The head of an HTTP answer, and what has come behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = opened.recv(HEAD_MAX)
        if not more or len(data) > HEAD_MAX:
            raise OSError("the connection was closed")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _body(opened: socket.socket, lines: list[str], rest: bytes) -> bytes:
    """As much of a refusal as it says it has, and no more than fits into a head."""
    sizes = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
    size = min(int(sizes[0]) if sizes and sizes[0].strip().isdigit() else 0, HEAD_MAX)
    try:
        while len(rest) < size:
            more = opened.recv(HEAD_MAX)
            if not more:
                break
            rest += more
    except OSError:
        pass
    return rest


@lru_cache(maxsize=256)
def _exclusive_or(key: int) -> bytes:
    """For `translate`: each byte's exclusive or with this one."""
    return bytes(byte ^ key for byte in range(256))


def frame(opcode: int, data: bytes) -> bytes:
    """A whole message of a client. Masking by `translate` passes 600 MB/s and more."""
    key, size = os.urandom(4), len(data)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 65_536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    masked = bytearray(size)
    for at in range(4):
        masked[at::4] = data[at::4].translate(_exclusive_or(key[at]))
    return head + key + masked


class Frames:
    """Takes a server's frames apart as their bytes come: data in pieces, control frames whole."""

    def __init__(self) -> None:
        self._left = 0
        self._begun = b""

    def take(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Opcode and content of what is complete; `Refused` for what is no websocket."""
        if self._begun:
            data = memoryview(self._begun + bytes(data))
            self._begun = b""
        while data:
            if self._left:
                piece = data[: self._left]
                self._left -= len(piece)
                data = data[len(piece) :]
                yield BINARY, piece
                continue
            opcode, start, size = _frame_head(data)
            is_control = opcode >= CLOSE
            if not start or (is_control and len(data) < start + size):
                self._begun = bytes(data)
                return
            if is_control:
                yield opcode, data[start : start + size]
                data = data[start + size :]
            else:
                self._left, data = size, data[start:]


def _frame_head(data: memoryview) -> tuple[int, int, int]:
    """Opcode, where the content begins, and its size; a beginning at 0 says that bytes lack."""
    opcode = data[0] & 0xF
    short = data[1] if len(data) > 1 else 0
    if data[0] & 0x70 or short & 0x80 or opcode not in (CONTINUATION, BINARY, CLOSE, PING, PONG):
        raise Refused("What the instance sent is no websocket of bytes.")
    start = {126: 4, 127: 10}.get(short, 2)
    if len(data) < start:
        return opcode, 0, 0
    size = short if start == 2 else int.from_bytes(data[2:start], "big")
    if opcode >= CLOSE and size > 125:
        raise Refused("What the instance sent is no websocket of bytes.")
    return opcode, start, size


class Pump:
    """Carries bytes between an SSH client and a websocket.

    One thread, because a TLS connection must not be read and written by two. Nothing is read from
    a side while the other has not taken what came before, so memory stays bounded.
    """

    def __init__(self, connection: socket.socket, source: int, sink: int) -> None:
        self._connection = connection
        self._source = source
        self._sink = sink
        self._frames = Frames()
        self._buffer = memoryview(bytearray(CHUNK))
        self._to_server = memoryview(b"")
        self._to_client = memoryview(b"")
        self._leaving: float | None = None
        self._closed = False
        self._broken = ""

    def run(self, rest: bytes = b"") -> None:
        """Until one side ends; `rest` has already come. `Refused` when the connection breaks."""
        self._connection.setblocking(False)
        _widen(self._source)
        _widen(self._sink)
        was_blocking = os.get_blocking(self._sink)
        os.set_blocking(self._sink, False)
        try:
            self._take(memoryview(rest))
            while not self._is_over():
                self._turn()
        except BrokenPipeError:
            # The SSH client is gone, and needs no sentence.
            self._broken = ""
        finally:
            self._connection.close()
            os.set_blocking(self._sink, was_blocking)
        if self._broken:
            raise Refused(self._broken)

    def _is_over(self) -> bool:
        late = self._leaving is not None and time.monotonic() >= self._leaving
        return late or (self._closed and not self._to_client)

    def _turn(self) -> None:
        """Wait until something can be done, and do it."""
        reading: list[Any] = []
        writing: list[Any] = [self._connection] if self._to_server else []
        if self._to_client:
            writing.append(self._sink)
        else:
            reading.append(self._connection)
        if not self._to_server and self._leaving is None:
            reading.append(self._source)
        wait = None if self._leaving is None else max(0.0, self._leaving - time.monotonic())
        if self._connection in reading and self._holds_data():
            wait = 0.0
        readable, writable, _ = select.select(reading, writing, [], wait)
        if self._connection in writable:
            self._send()
        if self._sink in writable:
            self._write()
        if self._source in readable:
            self._read()
        if self._connection in reading and (self._connection in readable or self._holds_data()):
            self._receive()

    def _holds_data(self) -> bool:
        """TLS may have read more than it gave, which `select` cannot see."""
        return isinstance(self._connection, ssl.SSLSocket) and self._connection.pending() > 0

    def _read(self) -> None:
        data = os.read(self._source, PIPE)
        if data:
            self._queue(frame(BINARY, data))
        else:
            self._leave()
            self._queue(frame(CLOSE, struct.pack(">H", GOING[0])))

    def _leave(self) -> None:
        self._leaving = time.monotonic() + GOODBYE_SECONDS

    def _queue(self, data: bytes) -> None:
        self._to_server = memoryview(bytes(self._to_server) + data if self._to_server else data)
        self._send()

    def _send(self) -> None:
        try:
            while self._to_server:
                self._to_server = self._to_server[self._connection.send(self._to_server) :]
        except LATER:
            pass
        except OSError as error:
            # What the other end said before it left may still be read.
            self._to_server = memoryview(b"")
            if self._leaving is None:
                self._broken = f"The connection to the instance broke ({_why(error)})."
                self._leave()

    def _receive(self) -> None:
        try:
            size = self._connection.recv_into(self._buffer)
        except LATER:
            return
        except OSError as error:
            self._lost(_why(error))
            return
        if size:
            self._take(self._buffer[:size])
        else:
            self._lost("it was closed without a word")

    def _lost(self, why: str) -> None:
        self._closed = True
        if self._leaving is None:
            self._broken = f"The connection to the instance broke ({why})."

    def _take(self, data: memoryview) -> None:
        pieces = []
        for opcode, content in self._frames.take(data):
            if opcode == BINARY:
                pieces.append(content)
            elif opcode == PING and len(self._to_server) < CHUNK:
                self._queue(frame(PONG, bytes(content)))
            elif opcode == CLOSE:
                self._say_goodbye(bytes(content))
                break
        self._to_client = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        self._write()

    def _say_goodbye(self, content: bytes) -> None:
        """The other end is done; what it sent before is still for the SSH client."""
        if self._leaving is None:
            self._queue(frame(CLOSE, content[:2]))
        self._closed = True
        self._broken = ""
        code = int.from_bytes(content[:2], "big") if content else GOING[0]
        if code not in GOING:
            why = content[2:].decode("utf-8", "replace") or f"code {code}"
            self._broken = f"The instance ended the connection: {why}"

    def _write(self) -> None:
        try:
            while self._to_client:
                self._to_client = self._to_client[os.write(self._sink, self._to_client) :]
        except BlockingIOError:
            pass


def _widen(pipe: int) -> None:
    """Let a pipe take more at once, where it is one and the system can: a quarter of the work."""
    # Windows has no such module, and gets a sentence instead.
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE)


# What people read.


def _tell(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _clean(text: str) -> str:
    """The text without signs that move a cursor: others may have written it."""
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)


def _progress(answer: dict[str, Any], told: str) -> str:
    """Say how far a start is, unless that was told already; what has been told."""
    percent = "" if answer.get("percent") is None else f" {answer['percent']:.0f} %"
    line = _clean(f"{answer['name']}: {answer['state']}{percent} {answer.get('message') or ''}")
    if line != told:
        _tell(f"\r\x1b[K{line[:200]}" if sys.stderr.isatty() else f"{line}\n")
    return line


def _end_of_progress(told: str) -> None:
    if told and sys.stderr.isatty():
        _tell("\r\x1b[K")


def _why(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE may name a "
            "file with more authorities"
        )
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _sentence(body: bytes) -> str:
    """What a refusal says to people, if it is JSON of control or of a server."""
    try:
        found = json.loads(body)
        return str(found.get("detail") or found.get("message") or "")
    except (ValueError, AttributeError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
