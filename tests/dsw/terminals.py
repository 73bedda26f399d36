"""The `dsw` command in a test: against a running control over HTTP, as whoever is named."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from tests.polling import eventually
from tests.ports import an_unused_port
from tests.stub_hub import PREFIX, StubHub

from dsw.cli.main import main
from dsw.client import Client
from dsw.settings import Settings
from dsw_control.app import create_app
from dsw_control.context import Control
from dsw_control.engines.base import Engine
from dsw_control.main import build

ADMIN = "root"
SETTINGS = {
    "engine": {"kind": "process"},
    "specs": [
        {"name": "small", "cpu": 1, "memory": "1GiB"},
        {"name": "big", "cpu": 6, "memory": "1GiB"},
        {"name": "gpu", "cpu": 1, "memory": "1GiB", "gpu": 1, "gpu_type": "A100"},
    ],
    "resource_groups": [
        {"name": "local", "cpu": 100, "memory": "100GiB", "specs": ["small", "big"]},
        {"name": "gpus", "cpu": 100, "memory": "100GiB", "specs": ["gpu"]},
    ],
    "gpus": [{"id": f"GPU-{n}", "type": "A100", "resource_group": "gpus"} for n in range(2)],
}


@dataclass
class Result:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class Tty(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


class Terminal:
    """Runs `dsw` in this process. `workspace` is what DSW_WORKSPACE says."""

    def __init__(
        self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.url = url
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(
        self,
        *words: str,
        who: str = ADMIN,
        workspace: str = "",
        typed: str | None = None,
        piped: str = "",
    ) -> Result:
        """What the command does; `typed` is typed into a terminal, `piped` is no terminal."""
        stdin = io.StringIO(piped) if typed is None else Tty(typed)
        self._capsys.readouterr()
        with self._monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["dsw", *words])
            patch.setattr(sys, "stdin", stdin)
            patch.delenv("DSW_WORKSPACE", raising=False)
            for name, value in environment(self.url, who, workspace).items():
                patch.setenv(name, value)
            try:
                main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1 if end.code else 0
        printed = self._capsys.readouterr()
        return Result(status, printed.out, printed.err)

    def ok(self, *words: str, **how: Any) -> str:
        """What a command prints that must succeed."""
        result = self(*words, **how)
        assert result.status == 0, (words, result)
        return result.out

    def json(self, *words: str, **how: Any) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.ok(*words, "--json", **how))

    def refused(self, *words: str, **how: Any) -> str:
        """The one sentence that a command ends with that must be refused."""
        result = self(*words, **how)
        assert result.status == 1, (words, result)
        assert "Traceback" not in result.err
        return " ".join(result.err.split())

    def started(self, *words: str, who: str = ADMIN, workspace: str = "") -> subprocess.Popen[str]:
        """The command as a process of its own."""
        # Tests that run in the background ignore Ctrl-C, and what they start would, too.
        return subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-m", "dsw.cli.main", *words],
            env={**os.environ, **environment(self.url, who, workspace)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def client(self, who: str = ADMIN) -> Client:
        """A client of the same control."""
        return Client(self.url, f"user-{who}")


def environment(url: str, who: str, workspace: str = "") -> dict[str, str]:
    """The variables that say where and who one is."""
    found = {"DSW_URL": url, "DSW_TOKEN": f"user-{who}", "COLUMNS": "300"}
    return {**found, "DSW_WORKSPACE": workspace} if workspace else found


@contextmanager
def running_control(
    folder: Path, engine: Callable[[Control], Engine] | None = None, **sections: Any
) -> Iterator[str]:
    """The address of a control process with all its loops; its hub is a stub."""
    settings = Settings.model_validate({**SETTINGS, "data_dir": str(folder), **sections})
    control = build(settings)
    if engine is not None:
        control.engine = engine(control)
    control.hub._http = httpx.AsyncClient(
        transport=httpx.ASGITransport(StubHub(admins={ADMIN}).app()),
        base_url=f"http://hub.test{PREFIX}",
    )
    port = an_unused_port()
    config = uvicorn.Config(
        create_app(control), host="127.0.0.1", port=port, log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), timeout=60)
        assert server.started
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        structlog.reset_defaults()
