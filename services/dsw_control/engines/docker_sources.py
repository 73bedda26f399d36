"""The helpers that keep a node's sources: object stores that they mount, repositories that they
check out, and caches that they fill."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import docker
from docker.errors import APIError, NotFound
from pydantic import BaseModel, ValidationError

from dsw.names import network_name
from dsw.node_mounts import (
    SHARED_ROOT,
    SOURCES,
    SourceReport,
    SourceRequest,
    WarmReport,
    WarmRequest,
)
from dsw_control.engines.base import MountTable, SourceStatus, WarmStatus
from dsw_control.engines.docker_boxes import begun, exit_code, printed
from dsw_control.engines.docker_helpers import CAPABILITIES, Helper, NodeHelpers

SOURCE, WARM, CLEAN = "source", "warm", "clean"
CACHE = "/cache"
CLEAN_SECONDS = 30
END_SECONDS = 330
"""For an object store's helper, which first sends what instances wrote, and gives up after 300."""

_UNMOUNT = 'umount -l "$1" 2>/dev/null; rmdir "$1" 2>/dev/null; true'
_DELETE = 'rm -rf -- "$1"'

Call = Callable[[Callable[[docker.DockerClient], Any]], Awaitable[Any]]
R = TypeVar("R", bound=BaseModel)


class DockerSources:
    """One helper per source, named after its key, and one per warming."""

    def __init__(self, helpers: NodeHelpers, call: Call) -> None:
        self._helpers = helpers
        self._call = call

    async def table(self) -> MountTable:
        """What is mounted now."""
        raise NotImplementedError

    async def start_source(self, request: SourceRequest) -> None:
        """Start a source's helper; one that is there already is left alone."""
        reach = self._helpers.authorities()
        network = "host"
        if request.repository is not None:
            # People name its host: the machine's own services are none of theirs.
            network = network_name(self._helpers.settings.installation)
        keeps = request.repository is not None or request.cache_bytes > 0
        helper = Helper(
            kind=SOURCE,
            id=request.key,
            command=["dsw-agent", "source", "/request/request.json"],
            request=request.model_copy(update={"cache": CACHE if keeps else ""}),
            mounts=reach["mounts"],
            volumes=self._cache_volume(request.key) if keeps else {},
            options={
                "network_mode": network,
                "environment": reach["environment"],
                "devices": ["/dev/fuse:/dev/fuse:rwm"] if request.store else [],
                "cap_add": [*CAPABILITIES, *_OWNERS],
                "tmpfs": _SCRATCH,
                "pids_limit": 512,
            },
        )
        await self._call(lambda client: self._start(client, helper))

    async def source_status(self, key: str) -> SourceStatus | None:
        """How far a source's helper is; None without one."""

        def look(client: docker.DockerClient) -> SourceStatus | None:
            box = self._helpers.find(client, SOURCE, key)
            if box is None:
                return None
            report = _last(printed(begun(box), 5), SourceReport)
            return SourceStatus(report=report, exit_code=exit_code(box))

        found: SourceStatus | None = await self._call(look)
        return found

    async def remove_source(self, key: str) -> None:
        """End a source's helper and what it mounted; none is no error. Its cache stays."""

        def remove(client: docker.DockerClient) -> None:
            box = self._helpers.find(client, SOURCE, key)
            if box is not None and exit_code(box) is None:
                with suppress(NotFound):
                    box.stop(timeout=END_SECONDS)
            self._helpers.remove(client, SOURCE, key)

        await self._call(remove)
        if key in (await self.table()).sources:
            # It was killed, and left its mount.
            await self._clean(_UNMOUNT, f"{SHARED_ROOT}/{SOURCES}/{key}", {})

    async def sources(self) -> list[str]:
        """The keys that have a helper or a mount."""
        helpers: list[str] = await self._call(lambda client: self._helpers.ids(client, SOURCE))
        return sorted({*helpers, *(await self.table()).sources})

    async def cache_folder(self, key: str) -> str:
        """The folder of the node that is a source's cache."""
        return str(self._helpers.settings.cache_dir / key)

    async def remove_cache(self, key: str) -> None:
        """Delete what was kept of a source; nothing is no error."""
        folder = self._helpers.settings.cache_dir
        if (folder / key).exists():
            await self._clean(_DELETE, f"{CACHE}/{key}", {str(folder): {"bind": CACHE}})

    async def caches(self) -> list[str]:
        """The keys of which something is kept."""
        folder = self._helpers.settings.cache_dir
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []

    async def start_warm(self, warming_id: str, request: WarmRequest) -> None:
        """Start the helper that fills a cache; one that is there already is left alone."""
        helper = Helper(
            kind=WARM,
            id=warming_id,
            command=["dsw-agent", "warm", "/request/request.json"],
            request=request,
            follows="rslave",
            options={"cap_add": ["DAC_READ_SEARCH"]},
        )
        await self._call(lambda client: self._start(client, helper))

    async def warm_status(self, warming_id: str) -> WarmStatus | None:
        """How far it is; None without one."""

        def look(client: docker.DockerClient) -> WarmStatus | None:
            box = self._helpers.find(client, WARM, warming_id)
            if box is None:
                return None
            report = _last(printed(begun(box), 5), WarmReport)
            return WarmStatus(report=report, exit_code=exit_code(box))

        found: WarmStatus | None = await self._call(look)
        return found

    async def remove_warm(self, warming_id: str) -> None:
        """End it and clean up after it; none is no error."""
        await self._call(lambda client: self._helpers.remove(client, WARM, warming_id))

    async def warms(self) -> list[str]:
        """The warmings that have a helper."""
        found: list[str] = await self._call(lambda client: self._helpers.ids(client, WARM))
        return found

    def _start(self, client: docker.DockerClient, helper: Helper) -> None:
        try:
            self._helpers.run(client, helper)
        except APIError as error:
            if error.status_code != 409:
                raise

    def _cache_volume(self, key: str) -> dict[str, dict[str, str]]:
        folder = self._helpers.settings.cache_dir / key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {str(folder): {"bind": CACHE, "mode": "rw"}}

    async def _clean(self, script: str, path: str, volumes: dict[str, dict[str, str]]) -> None:
        """Run a script as root on one path of the node."""
        name = path.rpartition("/")[2]
        volumes = {folder: {**each, "mode": "rw"} for folder, each in volumes.items()}
        helper = Helper(
            kind=CLEAN, id=name, command=["sh", "-c", script, "clean", path], volumes=volumes
        )

        def run(client: docker.DockerClient) -> None:
            self._helpers.remove(client, CLEAN, name)
            try:
                self._helpers.run(client, helper).wait(timeout=CLEAN_SECONDS)
            finally:
                self._helpers.remove(client, CLEAN, name)

        await self._call(run)


_SCRATCH = {"/stage": "size=16m,mode=700", "/run": "size=8m", "/tmp": "size=64m"}  # noqa: S108
_OWNERS = ("CHOWN", "FOWNER", "SETGID", "SETUID")
"""To give what is checked out and mounted to the instances' user."""


def _last(lines: list[str], model: type[R]) -> R | None:
    """The last line that is such a report."""
    for line in reversed(lines):
        try:
            return model.model_validate(json.loads(line))
        except (ValueError, ValidationError):
            continue
    return None
