"""The container images that an installation needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from workbench.steps import Step, Steps


def ensure(steps: Steps, step: Step, ca_file: str, names: Sequence[str]) -> None:
    """Build those that are missing or whose sources changed."""
    command = [sys.executable, "-m", "dsw.cli.main", "images", "build", *names]
    if ca_file:
        command += ["--ca-file", ca_file]
    steps.run(step, command)
    step.result = f"{', '.join(names)}: as their sources"
