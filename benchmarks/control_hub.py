"""The hub that control talks to while it is measured: the tests' stub, as a process of its own.

Arguments: a port, and a JSON file with the users and their servers that run already,
`{user: [name, ...]}`.
"""

# ruff: noqa: E402
from __future__ import annotations

import json
import sys
from pathlib import Path

import environment

environment.enter()

import uvicorn
from tests.stub_hub import StubHub


def main() -> None:
    """Serve until SIGTERM."""
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    servers = {
        owner: {name: {"name": name, "ready": True, "pending": None} for name in names}
        for owner, names in json.loads(file.read_text()).items()
    }
    app = StubHub(servers=servers).app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main()
