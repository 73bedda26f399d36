"""How the work on a layer is spread over threads: stages with bounded pipes between them.

Reading, hashing, compressing and sending spend their time outside of Python's lock, so threads are
enough to use all cores. The first exception of any stage is everybody's: all pipes break, and no
thread outlives the pipeline.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

ROOM = 16 * 1024**2
"""Bytes that a pipe holds."""
_PERIOD = 0.2
_GRACE = 3.0

T = TypeVar("T")


class Pipe:
    """Chunks on their way from one stage to the next."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._changed = threading.Condition()

    def put(self, chunk: bytes) -> None:
        """Wait for room, and hand a chunk on."""
        with self._changed:
            self._wait(lambda: not self._held or self._held + len(chunk) <= ROOM)
            self._chunks.append(chunk)
            self._held += len(chunk)
            self._changed.notify_all()

    def end(self) -> None:
        """Say that no more chunks come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Let whoever waits check at once."""
        with self._changed:
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._wait(lambda: bool(self._chunks) or self._ended)
                if not self._chunks:
                    return
                chunk = self._chunks.popleft()
                self._held -= len(chunk)
                self._changed.notify_all()
            yield chunk

    def _wait(self, ready: Callable[[], bool]) -> None:
        self._check()
        while not ready():
            self._changed.wait(_PERIOD)
            self._check()


class Stage(threading.Thread, Generic[T]):
    """A thread with a result."""

    result: T

    def __init__(self, work: Callable[[], T], fail: Callable[[BaseException], None]) -> None:
        super().__init__(name=getattr(work, "__name__", "stage"))
        self._work = work
        self._fail = fail

    def run(self) -> None:
        """Do the work."""
        try:
            self.result = self._work()
        except BaseException as error:
            self._fail(error)


class Pipeline:
    """Stages that begin at once and end together.

    `check` raises when somebody cancelled. `interrupt` ends what a stage waits for; after a failure
    they have a few seconds for the call they are in, because a registry that is left within one
    keeps what it got.
    """

    def __init__(self, check: Callable[[], None], interrupt: Callable[[], None]) -> None:
        self._cancelled = check
        self._interrupt = interrupt
        self._pipes: list[Pipe] = []
        self._stages: list[Stage[object]] = []
        self._error: BaseException | None = None
        self._failed = 0.0
        self._interrupted = False
        self._lock = threading.Lock()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close(error)

    def pipe(self) -> Pipe:
        """A pipe between two stages."""
        pipe = Pipe(self.check)
        self._pipes.append(pipe)
        return pipe

    def start(self, work: Callable[[], T]) -> Stage[T]:
        """Begin a stage."""
        stage: Stage[T] = Stage(work, self._fail)
        self._stages.append(stage)  # type: ignore[arg-type]
        stage.start()
        return stage

    def digest(self, pipe: Pipe) -> Stage[str]:
        """Begin a stage that answers `sha256:...` of what comes through a pipe."""

        def hashing() -> str:
            digest = hashlib.sha256()
            for chunk in pipe:
                digest.update(chunk)
            return f"sha256:{digest.hexdigest()}"

        return self.start(hashing)

    def feed(self, chunks: Iterable[bytes], *pipes: Pipe) -> int:
        """Hand chunks to all of the pipes, and end these; how many bytes it was."""
        size = 0
        for chunk in chunks:
            size += len(chunk)
            for pipe in pipes:
                pipe.put(chunk)
        for pipe in pipes:
            pipe.end()
        return size

    def wait(self, stage: Stage[T]) -> T:
        """The result of a stage, or the error that ended the pipeline."""
        while stage.is_alive():
            stage.join(_PERIOD)
            self.check()
        self.check()
        return stage.result

    def check(self) -> None:
        """Raise the error that ended the pipeline, or that somebody cancelled."""
        if self._error is not None:
            raise self._error
        self._cancelled()

    def close(self, error: BaseException | None = None) -> None:
        """Wait for all stages, or end them because of an error; raise the first one."""
        if error is not None:
            self._fail(error)
        for stage in self._stages:
            while stage.is_alive():
                stage.join(_PERIOD)
                try:
                    self.check()
                except BaseException as found:
                    self._fail(found)
                    self._interrupt_late()
        if self._error is not None and self._error is not error:
            raise self._error

    def _interrupt_late(self) -> None:
        if not self._interrupted and time.monotonic() - self._failed > _GRACE:
            self._interrupted = True
            self._interrupt()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._error is not None:
                return
            self._error, self._failed = error, time.monotonic()
        for pipe in self._pipes:
            pipe.wake()
