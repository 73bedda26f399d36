"""How a benchmark gets into the project's environment, whatever Python it was called with.

Standard library only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(ROOT), str(ROOT / "scripts")]


def enter() -> None:
    """Go on inside `.venv`, which is made first where it is missing."""
    from workbench import venv
    from workbench.arguments import DEFAULT_DATA
    from workbench.steps import Steps

    if Path(sys.prefix) == venv.VENV:
        return
    venv.ensure(Steps(DEFAULT_DATA / "logs" / "up.log"))
    os.execv(venv.PYTHON, [str(venv.PYTHON), *sys.argv])
