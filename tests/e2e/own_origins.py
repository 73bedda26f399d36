"""A workbench on which each user has an origin of their own, on names below `localhost`."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Page, Response
from tests.e2e import chosen_server
from tests.workbenches import TestBench, User

from workbench import settings_file

HOST = "dsw.localhost"
TRAITS = """
[hub.traits.WorkspaceProcessSpawner]
cmd = [{python}, {program}]
"""


@contextmanager
def own_origins(data: Path, installation: str, address: str = "") -> Iterator[TestBench]:
    """Such a workbench with the process engine. People use `address`, or the proxy itself."""
    command = {"python": sys.executable, "program": chosen_server.__file__}
    extra = TRAITS.format(**{key: json.dumps(value) for key, value in command.items()})
    bench = TestBench(data, installation, extra, instances=6)
    bench.url = address or f"http://{HOST}:{bench.settings.hub.port}"
    settings_file.set_value(data / "dsw.toml", "hub", "subdomain_host", bench.url)
    with names_below_localhost():
        bench.up("--engine", "process")
        try:
            yield bench
        finally:
            bench.down()


@contextmanager
def names_below_localhost() -> Iterator[None]:
    """Lets this process find them, as browsers do by themselves."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        local = isinstance(name, str) and name.endswith(".localhost")
        return resolve("127.0.0.1" if local else host, *args, **options)

    with patch.object(socket, "getaddrinfo", resolved):
        yield


def process(user: User, **body: Any) -> Any:
    """A new instance that is up; there is one image, which stands for none."""
    image = user.get("images")["items"][0]["id"]
    return user.running(image=image, **body)


def seen_by(bench: TestBench) -> str:
    """All that hostile servers were sent."""
    files = Path(bench.settings.nas_root).glob(f"*/home/*/{chosen_server.SEEN}")
    return "\n".join(file.read_text() for file in files)


def cookies_of_the_workbench(page: Page) -> dict[str, str]:
    """Name and value of each cookie that hub and control gave this browser."""
    cookies = page.context.cookies()
    return {each["name"]: each["value"] for each in cookies if each["domain"] == HOST}


class Traffic:
    """How what a browser asked was answered, also where the page may not know."""

    def __init__(self, page: Page) -> None:
        self._answers: list[Response] = []
        page.context.on("response", self._keep)

    def status(self, part: str) -> set[int]:
        """The statuses of all answers to addresses with this part, but for preflights."""
        return {
            answer.status
            for answer in self._answers
            if part in answer.url and answer.request.method != "OPTIONS"
        }

    def _keep(self, answer: Response) -> None:
        self._answers.append(answer)
