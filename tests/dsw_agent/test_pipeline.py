"""Stages at work at once, and what becomes of them when one fails."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator

import pytest

from dsw_agent.failures import Cancellation, Cancelled
from dsw_agent.pipeline import ROOM, Pipe, Pipeline

CHUNK = bytes(1024**2)


def idle() -> None:
    """Nothing to interrupt."""


def count(pipe: Iterable[bytes]) -> int:
    """The bytes of a pipe."""
    return sum(map(len, pipe))


def failing(pipe: Iterable[bytes], after: int) -> None:
    """A stage that breaks."""
    for number, _ in enumerate(pipe):
        if number == after:
            raise ValueError("broken stage")


@pytest.mark.usefixtures("no_thread_left")
def test_every_stage_gets_every_chunk_in_order() -> None:
    chunks = [bytes([number]) * 100_000 for number in range(250)]
    with Pipeline(idle, idle) as pipeline:
        one, other = pipeline.pipe(), pipeline.pipe()
        digest = pipeline.digest(one)
        size = pipeline.start(lambda: count(other))
        assert pipeline.feed(chunks, one, other) == 25_000_000
        assert pipeline.wait(size) == 25_000_000
        expected = hashlib.sha256(b"".join(chunks)).hexdigest()
        assert pipeline.wait(digest) == f"sha256:{expected}"


def test_a_pipe_holds_no_more_than_its_room() -> None:
    made = 0
    most = 0
    gate = threading.Event()

    def source() -> Iterator[bytes]:
        nonlocal made
        for _ in range(100):
            made += 1
            if made * len(CHUNK) > ROOM:
                gate.set()
            yield CHUNK

    def slow(pipe: Pipe) -> None:
        nonlocal most
        gate.wait(30)
        for taken, _ in enumerate(pipe):
            most = max(most, made - taken)

    with Pipeline(idle, idle) as pipeline:
        pipe = pipeline.pipe()
        pipeline.start(lambda: slow(pipe))
        pipeline.feed(source(), pipe)
    assert ROOM // len(CHUNK) <= most <= ROOM // len(CHUNK) + 2


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("after", [0, 10, 199])
def test_a_stage_that_fails_ends_all_and_is_what_is_raised(after: int) -> None:
    def act() -> None:
        with Pipeline(idle, idle) as pipeline:
            one, other, third = (pipeline.pipe() for _ in range(3))
            pipeline.start(lambda: pipeline.feed(one, third))
            pipeline.start(lambda: failing(third, after))
            waiting = pipeline.digest(other)
            pipeline.feed([CHUNK] * 200, one, other)
            pipeline.wait(waiting)

    with pytest.raises(ValueError, match="broken stage"):
        act()


@pytest.mark.usefixtures("no_thread_left")
def test_a_reader_that_fails_ends_all() -> None:
    def source() -> Iterator[bytes]:
        yield CHUNK
        raise OSError("unreadable")

    def act() -> None:
        with Pipeline(idle, idle) as pipeline:
            one, other = pipeline.pipe(), pipeline.pipe()
            pipeline.start(lambda: pipeline.feed(one, other))
            pipeline.digest(other)
            pipeline.feed(source(), one)

    with pytest.raises(OSError, match="unreadable"):
        act()


def test_cancelling_wakes_whoever_waits_for_room() -> None:
    cancellation = Cancellation()

    def source() -> Iterator[bytes]:
        for number in range(100):
            if number == ROOM // len(CHUNK):
                cancellation.ask()
            yield CHUNK

    with pytest.raises(Cancelled), Pipeline(cancellation.check, idle) as pipeline:
        pipeline.feed(source(), pipeline.pipe())


@pytest.mark.usefixtures("no_thread_left")
def test_a_stage_that_hangs_in_a_call_is_interrupted() -> None:
    hanging = threading.Event()

    def act() -> None:
        with Pipeline(idle, hanging.set) as pipeline:
            pipe = pipeline.pipe()
            pipeline.start(hanging.wait)
            pipeline.start(lambda: failing(pipe, 0))
            pipeline.feed([CHUNK] * 100, pipe)

    with pytest.raises(ValueError, match="broken stage"):
        act()
