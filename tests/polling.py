"""Waiting for something with a deadline, in place of a sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(fn: Callable[[], T], timeout: float = 10, every: float = 0.05) -> T:
    """The first true answer of `fn` within `timeout` seconds; `AssertionError` otherwise."""
    deadline = time.monotonic() + timeout
    while True:
        answer = fn()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{fn} did not become true within {timeout} s: {answer!r}")
        time.sleep(every)
