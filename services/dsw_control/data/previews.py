"""Previews of files: a process for each reads the beginning, and control only passes bytes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from dsw.datasets import Preview
from dsw_control.data.contents import OpenFile

SECONDS = 30.0
END_SECONDS = 5.0
BYTES_READ = 64 * 2**20
"""Of a file, for its preview."""
AT_ONCE = 8 * 2**20
ANSWER = 2**21
"""Bytes of the answer at most; a full table has half of it."""

_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}


async def preview_of(seats: asyncio.Semaphore, file: OpenFile, path: str) -> Preview:
    """The beginning of a file, as text or table. What cannot be read within the limits, and what
    ends the process that tries, has a message instead. `seats`: how many are made at once."""
    async with seats:
        begins = await file.read(0, 4)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "dsw_control.data.preview_child"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(SECONDS):
                asked = {"name": path, "size": file.size, "parquet": begins == b"PAR1"}
                found = await _talk(process, file, asked)
            shown = Preview.model_validate({"kind": "none", **found, "path": path})
        except (TimeoutError, EOFError, ConnectionError, ValueError, ValidationError):
            shown = Preview(
                path=path,
                kind="none",
                message="It cannot be shown: it is damaged, or takes too much time or memory.",
            )
        finally:
            await _end(process)
    return shown.model_copy(update={"size": file.size})


async def _talk(process: Process, file: OpenFile, asked: dict[str, Any]) -> dict[str, Any]:
    """Give the process the bytes that it asks for; what it says at last. `EOFError` when it dies,
    `ValueError` when it says anything else."""
    assert process.stdin is not None  # noqa: S101 (they are pipes)
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    left = BYTES_READ
    while True:
        words = (await process.stdout.readline()).split()
        if len(words) == 3 and words[0] == b"R":
            start, length = int(words[1]), int(words[2])
            fits = 0 <= length <= min(left, AT_ONCE) and start >= 0
            left -= length if fits else 0
            piece = await file.read(start, length) if fits else b""
            told = len(piece) if fits else -1
            process.stdin.write(told.to_bytes(8, signed=True) + piece)
            await process.stdin.drain()
        elif len(words) == 2 and words[0] == b"D" and int(words[1]) <= ANSWER:
            answer: Any = json.loads(await process.stdout.readexactly(int(words[1])))
            if not isinstance(answer, dict):
                raise ValueError("no preview")
            return answer
        elif not words:
            raise EOFError("it ended")
        else:
            raise ValueError("it says something else")


async def _end(process: Process) -> None:
    """Kill it and what it may have started. What it said is read to its end: asyncio counts a
    process as ended only when its pipes are."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await process.communicate()
