"""The proxy's websocket against the `websockets` package: frames, pings, and how it ends."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader
from websockets.sync.server import ServerConnection, serve

from dsw.ssh_proxy import BINARY, CLOSE, PING, Frames, Pump, Refused, frame, open_websocket

CONTENTS = st.binary(max_size=300) | st.integers(0, 140_000).map(bytes)


def parsed(data: bytes) -> list[Frame]:
    """A client's frames, as the package understands them."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    found = []
    while True:
        step = Frame.parse(reader.read_exact, mask=True)
        try:
            next(step)
            raise AssertionError("a frame is cut")
        except StopIteration as end:
            found.append(end.value)
        except EOFError:
            return found


@settings(deadline=None)
@given(st.lists(CONTENTS, max_size=4))
def test_others_understand_its_messages(contents: list[bytes]) -> None:
    frames = parsed(b"".join(frame(BINARY, content) for content in contents))
    assert [(each.opcode, bytes(each.data), each.fin) for each in frames] == [
        (Opcode.BINARY, content, True) for content in contents
    ]


def test_no_two_messages_have_the_same_mask() -> None:
    assert len({frame(BINARY, b"")[2:6] for _ in range(50)}) > 40


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["data", "part", "ping"]), CONTENTS)), st.data())
def test_frames_are_read_however_they_are_cut(
    kinds: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    sent, expected, pings = b"", b"", []
    for kind, content in kinds:
        if kind == "ping":
            pings.append(content[:125])
            sent += Frame(Opcode.PING, content[:125]).serialize(mask=False)
        else:
            expected += content
            half = len(content) // 2
            parts = [content[:half], content[half:]] if kind == "part" else [content]
            for number, part in enumerate(parts):
                opcode = Opcode.CONT if number else Opcode.BINARY
                last = number == len(parts) - 1
                sent += Frame(opcode, part, fin=last).serialize(mask=False)
    frames, got, pinged, at = Frames(), b"", [], 0
    while at < len(sent):
        size = data.draw(st.integers(1, max(1, len(sent) // 3)))
        for opcode, piece in frames.take(memoryview(sent[at : at + size])):
            if opcode == PING:
                pinged.append(bytes(piece))
            else:
                got += piece
        at += size
    assert (got, pinged) == (expected, pings)


@pytest.mark.parametrize(
    "sent",
    [
        Frame(Opcode.TEXT, b"x").serialize(mask=False),
        Frame(Opcode.BINARY, b"x").serialize(mask=True),
        b"\xc2\x01x",
        b"\x89\x7e\x00\x80" + bytes(128),
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["text", "masked", "compressed", "a ping too long", "plain SSH"],
)
def test_what_is_no_websocket_of_bytes_is_refused(sent: bytes) -> None:
    with pytest.raises(Refused, match="no websocket of bytes"):
        list(Frames().take(memoryview(sent)))


@dataclass
class Side:
    """The SSH client's ends of the proxy's standard input and output."""

    write: int
    read: int
    failure: list[BaseException]
    thread: threading.Thread | None = None

    def ended(self) -> str:
        """The proxy's last sentence, once it is done."""
        assert self.thread
        self.thread.join(20)
        assert not self.thread.is_alive()
        return str(self.failure[0]) if self.failure else ""


@contextmanager
def joined(handler: Callable[[ServerConnection], None]) -> Iterator[Side]:
    """A pump between pipes and a server of the package."""
    server = serve(handler, "127.0.0.1", 0, compression=None)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    port = server.socket.getsockname()[1]
    connection, rest = open_websocket(urlsplit(f"http://127.0.0.1:{port}/x"), "ticket")
    (source, write), (read, sink) = os.pipe(), os.pipe()
    side = Side(write, read, [])

    def pump() -> None:
        try:
            Pump(connection, source, sink).run(rest)
        except Refused as refusal:
            side.failure.append(refusal)

    side.thread = threading.Thread(target=pump)
    side.thread.start()
    try:
        yield side
    finally:
        for descriptor in (side.write, side.read):
            os.close(descriptor)
        side.thread.join(20)
        for descriptor in (source, sink):
            os.close(descriptor)
        server.shutdown()
        serving.join()


def test_a_ping_is_answered_between_data() -> None:
    answered = threading.Event()

    def handler(session: ServerConnection) -> None:
        session.send(b"before ")
        if session.ping(b"are you there").wait(20):
            answered.set()
        session.send([b"in ", b"two parts"])

    with joined(handler) as side:
        got = b""
        while not got.endswith(b"parts"):
            got += os.read(side.read, 100)
        assert got == b"before in two parts"
        assert answered.is_set()
        assert side.ended() == ""


def test_what_was_sent_before_the_end_arrives() -> None:
    def handler(session: ServerConnection) -> None:
        session.send(bytes(5_000_000))

    with joined(handler) as side:
        size = 0
        while size < 5_000_000:
            size += len(os.read(side.read, 1_000_000))
        assert side.ended() == ""


def test_the_client_s_end_is_told() -> None:
    seen: list[object] = []

    def handler(session: ServerConnection) -> None:
        seen.extend(session)
        seen.append(session.close_code)

    with joined(handler) as side:
        os.write(side.write, b"bye")
        os.close(side.write)
        side.write = os.open(os.devnull, os.O_RDONLY)
        assert side.ended() == ""
    assert seen == [b"bye", 1000]


@pytest.mark.parametrize(("code", "said"), [(1001, ""), (1011, "code 1011"), (4000, "code 4000")])
def test_a_code_that_means_harm_is_said(code: int, said: str) -> None:
    with joined(lambda session: session.close(code)) as side:
        assert side.ended() == (said and f"The instance ended the connection: {said}")


def test_a_connection_that_breaks_is_said() -> None:
    def handler(session: ServerConnection) -> None:
        session.recv()
        session.socket.shutdown(socket.SHUT_RDWR)

    with joined(handler) as side:
        os.write(side.write, b"x")
        assert "broke (it was closed without a word)" in side.ended()


def test_an_http_server_is_not_taken_for_a_websocket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            peer.recv(10_000)
            peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            peer.close()

        thread = threading.Thread(target=answer)
        thread.start()
        parts = urlsplit(f"http://127.0.0.1:{server.getsockname()[1]}/x")
        with pytest.raises(Refused, match="does not speak the websocket protocol"):
            open_websocket(parts, "ticket")
        thread.join()


def test_a_close_frame_of_its_own_is_well_formed() -> None:
    [closing] = parsed(frame(CLOSE, b"\x03\xe8"))
    assert (closing.opcode, closing.data) == (Opcode.CLOSE, b"\x03\xe8")
