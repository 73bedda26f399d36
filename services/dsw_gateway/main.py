"""`dsw-gateway`: the gateway's process."""

from __future__ import annotations


def main() -> None:
    """Read `dsw.toml`, serve until SIGTERM."""
    raise SystemExit("not yet")
