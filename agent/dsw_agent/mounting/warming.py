"""How a cache is filled: every file below a path of a mounted source is read once."""

from __future__ import annotations

import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from dsw.beneath import open_beneath, open_folder
from dsw.mounts import MountReason
from dsw.node_mounts import WarmReport, WarmRequest
from dsw_agent.mounting import table
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.refusals import MountRefused, about_data

READERS = 2
PERIOD = 0.5
_CHUNK = 1024 * 1024
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Warming:
    """One filling; `report` is asked for a line about twice a second."""

    def __init__(self, report: Callable[[WarmReport], None], stop: threading.Event) -> None:
        self._report = report
        self._stop = stop
        self._lock = threading.Lock()
        self._bytes = self._files = 0
        self._bytes_total: int | None = None
        self._files_total: int | None = None
        self._error: MountRefused | None = None
        self._said = 0.0

    def run(self, node: Node, request: WarmRequest) -> bool:
        """Read all of it, and tell; whether it was all."""
        try:
            self._read_below(node.source(request.key), request.path)
        except MountRefused as error:
            self._error = error
        except OSError as error:
            self._error = about_data(error, request.path)
        if self._stop.is_set() and self._error is None:
            self._error = MountRefused(MountReason.REQUESTED, "The warming was cancelled.")
        self._say(done=self._error is None)
        return self._error is None

    def _read_below(self, point: str, path: str) -> None:
        if table.at(point) is None:
            raise MountRefused(MountReason.SOURCE_UNREACHABLE, "The dataset is not mounted.")
        top = open_folder(point)
        try:
            folder = open_beneath(top, path, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            os.close(top)
        try:
            self._count(folder)
            self._read_all(folder)
        finally:
            os.close(folder)

    def _count(self, folder: int) -> None:
        files = size = 0
        for there, name in _names_below(folder):
            entry = _regular(there, name)
            if entry is not None:
                files, size = files + 1, size + entry.st_size
            if self._stop.is_set():
                return
        self._files_total, self._bytes_total = files, size
        self._say()

    def _read_all(self, folder: int) -> None:
        # Each takes one file at a time, so few are open at once.
        waiting: queue.Queue[int | None] = queue.Queue(maxsize=READERS)
        readers = [threading.Thread(target=self._reader, args=(waiting,)) for _ in range(READERS)]
        for reader in readers:
            reader.start()
        try:
            for there, name in _names_below(folder):
                if self._ended():
                    break
                if _regular(there, name) is not None:
                    with suppress(FileNotFoundError):
                        waiting.put(os.open(name, _FILE, dir_fd=there))
                    self._say_soon()
        finally:
            for _ in readers:
                waiting.put(None)
            for reader in readers:
                while reader.is_alive():
                    reader.join(PERIOD)
                    self._say_soon()

    def _reader(self, waiting: queue.Queue[int | None]) -> None:
        while (file := waiting.get()) is not None:
            try:
                self._read(file)
            except OSError as error:
                self._error = self._error or about_data(error, "")
            finally:
                os.close(file)

    def _read(self, file: int) -> None:
        buffer = bytearray(_CHUNK)
        while not self._ended() and (count := os.readv(file, [buffer])):
            with self._lock:
                self._bytes += count
        with self._lock:
            self._files += not self._ended()

    def _ended(self) -> bool:
        return self._stop.is_set() or self._error is not None

    def _say_soon(self) -> None:
        if time.monotonic() - self._said >= PERIOD:
            self._say()

    def _say(self, done: bool = False) -> None:
        self._said = time.monotonic()
        error = self._error
        self._report(
            WarmReport(
                done=done,
                failed=error is not None,
                message=error.sentence if error else "",
                bytes_done=self._bytes,
                bytes_total=self._bytes_total,
                files_done=self._files,
                files_total=self._files_total,
            )
        )


def _names_below(folder: int) -> Iterator[tuple[int, str]]:
    """Each name that is no folder, with its folder; `OSError` when one cannot be listed."""

    def fail(error: OSError) -> None:
        raise error

    for _, folders, names, there in os.fwalk(
        ".", dir_fd=folder, follow_symlinks=False, onerror=fail
    ):
        folders.sort()
        for name in sorted(names):
            yield there, name


def _regular(folder: int, name: str) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        entry = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return entry if stat.S_ISREG(entry.st_mode) else None
    return None
