"""Tests that fail once and then pass: run again alone, and named, so that somebody mends them.

Thousands of tests with real processes share two cores; one that missed a deadline must not hide
what the others say. What is really broken fails both times.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

MOST = 5
"""More failures than these are no accident."""

TESTS_FAILED = 1
"""pytest's exit status for it; others are no test's fault."""


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run pytest, and its few failures once more; its exit status."""
    cache = Path(tempfile.mkdtemp(prefix="dsw-tests-"))
    try:
        code = _pytest([*arguments, f"--override-ini=cache_dir={cache}"], folder, environment)
        failed = _failed(cache)
        if code != TESTS_FAILED or not 0 < len(failed) <= MOST:
            return code
        print(f"\nOnce more, one by one: {', '.join(failed)}", flush=True)
        if code := _pytest(["-p", "no:cacheprovider", *failed], folder, environment):
            return code
    finally:
        shutil.rmtree(cache)
    print(f"\nUnsteady, to be mended (failed, then passed): {', '.join(failed)}", flush=True)
    return 0


def _pytest(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        check=False,
        env=environment,
    ).returncode


def _failed(cache: Path) -> list[str]:
    """The tests that failed; none when pytest did not come far enough to know."""
    try:
        failed = json.loads((cache / "v" / "cache" / "lastfailed").read_text())
    except (OSError, ValueError):
        return []
    return sorted(failed)
