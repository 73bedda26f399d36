"""The calls that the hub makes to a Docker engine: threaded, uninterrupted, with clean errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any, TypeVar

from docker import APIClient
from docker.errors import create_api_error_from_http_exception
from requests import HTTPError

from dsw_spawners.cancellation import to_the_end
from dsw_spawners.docker_errors import NoSuchObject, engine_errors
from dsw_spawners.docker_pull import pull
from dsw_spawners.steps import Step

LOG_LINES = 20

T = TypeVar("T")


class Engine:
    """A Docker engine. Methods raise `EngineFailed`; `NoSuchObject` where an object is missing.

    A cancelled call still goes on to its end first: a start that is torn off could otherwise not
    undo what the engine does a moment later. `client` is a function, because the client asks the
    engine for its version when it is made.
    """

    def __init__(self, client: Callable[[], APIClient], executor: Executor) -> None:
        self._client = client
        self._executor = executor

    async def call(self, method: str, *args: Any, doing: str, **kwargs: Any) -> Any:
        """Any method of Docker's low-level client; `doing` says in an error what it was for."""
        return await self._run(lambda: getattr(self._client(), method)(*args, **kwargs), doing)

    async def inspect(self, container: str) -> dict[str, Any] | None:
        """The container as the engine shows it."""
        with contextlib.suppress(NoSuchObject):
            found: dict[str, Any] = await self.call(
                "inspect_container", container, doing="looking at the container"
            )
            return found
        return None

    async def has_image(self, digest: str) -> bool:
        """Whether the image is on the engine."""
        with contextlib.suppress(NoSuchObject):
            await self.call("inspect_image", digest, doing="looking at the image")
            return True
        return False

    async def pull(
        self, reference: str, name: str, credentials: dict[str, str] | None
    ) -> AsyncIterator[Step]:
        """Pull an image, and say how far it is."""
        client = await self._run(self._client, "reaching it")
        async for step in pull(client, self._executor, reference, name, credentials):
            yield step

    async def create(self, host_config: dict[str, Any], **arguments: Any) -> str:
        """Create a container; the answer is its id."""

        def work() -> str:
            client = self._client()
            config = client.create_host_config(**host_config)
            return str(client.create_container(host_config=config, **arguments)["Id"])

        return await self._run(work, "creating the container")

    async def update(self, container: str, body: dict[str, int]) -> None:
        """Change the limits. Docker's own client knows no pids limit there."""

        def work() -> None:
            client = self._client()
            url = f"{client.base_url}/v{client.api_version}/containers/{container}/update"
            try:
                client.post(url, json=body).raise_for_status()
            except HTTPError as error:
                create_api_error_from_http_exception(error)

        await self._run(work, "changing the container's limits")

    async def start(self, container: str) -> None:
        """Start it."""
        await self.call("start", container, doing="starting the container")

    async def stop(self, container: str, seconds: int) -> None:
        """SIGTERM, and SIGKILL after so many seconds. A container that is gone is stopped."""
        with contextlib.suppress(NoSuchObject):
            await self.call("stop", container, timeout=seconds, doing="stopping the container")

    async def remove(self, container: str) -> None:
        """Remove it with its anonymous volumes. One that is gone is removed."""
        with contextlib.suppress(NoSuchObject):
            await self.call(
                "remove_container", container, v=True, force=True, doing="removing the container"
            )

    async def last_lines(self, container: dict[str, Any]) -> str:
        """The end of what its last run wrote; a kept container's log goes further back."""
        began = datetime.fromisoformat(container["State"]["StartedAt"][:19]).replace(tzinfo=UTC)
        text: bytes = await self.call(
            "logs",
            container["Id"],
            tail=LOG_LINES,
            since=int(began.timestamp()),
            doing="reading the container's log",
        )
        return text.decode(errors="replace").strip()

    async def _run(self, work: Callable[[], T], doing: str) -> T:
        loop = asyncio.get_running_loop()
        with engine_errors(doing):
            return await to_the_end(loop.run_in_executor(self._executor, work))
