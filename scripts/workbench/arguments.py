"""The commands' flags."""

from __future__ import annotations

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATA = ROOT / ".dsw"


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command and its flags; ends the process with a usage text when they are wrong."""
    parser = argparse.ArgumentParser(prog="scripts/", description="Runs a workbench on this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", prog="scripts/up", description="Set up and start the workbench.")
    up.add_argument("--port", type=_port, help="port that people use (first time: 8000)")
    up.add_argument("--host", help="address to listen on (first time: 127.0.0.1)")
    up.add_argument("--engine", choices=("docker", "process"), help="what runs instances")
    up.add_argument("--ca-file", type=_file, help="extra CA certificates (PEM) for the images")
    up.add_argument("--registry", action="store_true", help="run a registry of images beside it")
    up.add_argument("--foreground", action="store_true", help="stay; Ctrl-C stops everything")
    down = commands.add_parser("down", prog="scripts/down", description="Stop; keep the data.")
    down.add_argument("--keep-instances", action="store_true", help="leave instances running")
    for one in (up, down):
        one.add_argument(
            "--data-dir", type=_folder, default=DEFAULT_DATA, help="databases, settings, logs, NAS"
        )
    commands.add_parser("check", prog="scripts/check", description="Lint and check types.")
    test = commands.add_parser("test", prog="scripts/test", add_help=False)
    test.add_argument("pytest", nargs=argparse.REMAINDER)
    if arguments[:1] == ["test"]:
        return argparse.Namespace(command="test", pytest=arguments[1:])
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; allowed: 1 to 65535")
    return int(text)


def _file(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{path} is not a file")
    return path


def _folder(text: str) -> Path:
    path = Path(text).absolute()
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is not a directory")
    return path
