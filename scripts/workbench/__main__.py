"""The first half of every command: flags, the virtual environment, then on inside it."""

from __future__ import annotations

import os
import sys
import time

from workbench import venv
from workbench.arguments import DEFAULT_DATA, ROOT, parse
from workbench.steps import Refused, Steps


def main() -> None:
    """Hand over to `workbench.commands` in the environment's own Python."""
    arguments = parse(sys.argv[1:])
    started = float(os.environ.setdefault("WORKBENCH_STARTED", str(time.time())))
    data = getattr(arguments, "data_dir", DEFAULT_DATA)
    try:
        if arguments.command != "down":
            venv.ensure(Steps(data / "logs" / "up.log", started))
        elif not venv.PYTHON.exists():
            print("Nothing runs here: scripts/up has not been called yet.")
            return
    except Refused as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit(130)
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [str(venv.PYTHON), "-m", "workbench.commands", *sys.argv[1:]]
    os.execve(command[0], command, environ)


if __name__ == "__main__":
    main()
