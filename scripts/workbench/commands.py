"""The second half of every command, inside the virtual environment."""

from __future__ import annotations

import importlib
import sys

from dsw.errors import DswError
from workbench.arguments import parse
from workbench.steps import Refused


def main() -> None:
    """Run the command; refusals are a sentence on standard error and exit code 1."""
    arguments = parse(sys.argv[1:])
    command = importlib.import_module(f"workbench.{arguments.command}")
    try:
        sys.exit(command.main(arguments))
    except Refused as refusal:
        sys.exit(str(refusal))
    except DswError as error:
        sys.exit(error.sentence)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
