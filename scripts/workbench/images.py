"""The container images that an installation needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from dsw.settings import Settings
from workbench.steps import Step, Steps


def ensure(
    steps: Steps, step: Step, settings_file: Path, settings: Settings, names: Sequence[str]
) -> None:
    """Build those that are missing or whose sources changed."""
    command = [sys.executable, "-m", "dsw.cli.main", "images", "build", *names]
    if settings.images.ca_file:
        command += ["--ca-file", settings.images.ca_file]
    steps.run(step, command, env={"DSW_CONFIG": str(settings_file)})
    step.result = f"{' and '.join(names)} are as their sources"
