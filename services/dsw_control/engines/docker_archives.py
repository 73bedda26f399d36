"""Helper containers that move images to and from archives, each with the rights of one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount

from dsw import errors
from dsw.archives import AUTH, RESULT, ArchiveRequest, ArchiveResult, ArchiveStep
from dsw.names import container_name
from dsw.plan import LABEL_ID, LABEL_INSTALLATION, LABEL_KIND
from dsw.settings import Settings
from dsw_control.ca_bundle import BUNDLE, bundle_path
from dsw_control.engines.base import HelperStatus
from dsw_control.engines.docker_agent import SOCKET, socket_path
from dsw_control.engines.docker_boxes import begun, exit_code

KIND = "archive"
LABEL_STEP = "dsw.step"
NEEDS_ENGINE = frozenset({ArchiveStep.SAVE, ArchiveStep.LOAD})
NEEDS_NETWORK = frozenset({ArchiveStep.FETCH, ArchiveStep.PUSH})
MEMORY = 2**30
RESULT_MAX = 8 * 2**20

Call = Callable[[Callable[[docker.DockerClient], Any]], Awaitable[Any]]


class DockerArchives:
    """One container per transfer at a time; it outlives control."""

    def __init__(self, settings: Settings, call: Call) -> None:
        self._settings = settings
        self._call = call

    async def start(self, transfer_id: str, asked: ArchiveRequest, auth: str) -> None:
        """Start a helper in the transfer's folder; `auth` is a registry's login for it."""
        await self._call(lambda client: self._start(client, transfer_id, asked, auth))

    async def status(self, transfer_id: str) -> HelperStatus | None:
        """How far the transfer's helper is; None without one."""

        def look(client: docker.DockerClient) -> HelperStatus | None:
            box = self._find(client, transfer_id)
            if box is None:
                return None
            step = ArchiveStep(box.labels[LABEL_STEP])
            if exit_code(begun(box)) is None:
                return HelperStatus(step=step)
            work = work_folder(self._settings, transfer_id)
            return HelperStatus(step=step, result=_result(box, work / RESULT))

        found: HelperStatus | None = await self._call(look)
        return found

    async def remove(self, transfer_id: str) -> None:
        """End the transfer's helper and clean up after it; none is no error."""

        def remove(client: docker.DockerClient) -> None:
            box = self._find(client, transfer_id)
            if box is not None:
                box.remove(force=True)

        await self._call(remove)
        shutil.rmtree(self._request_folder(transfer_id), ignore_errors=True)

    async def ids(self) -> list[str]:
        """The transfers that have a helper."""

        def look(client: docker.DockerClient) -> list[str]:
            labels = [f"{key}={value}" for key, value in self._labels("").items() if value]
            found = client.api.containers(all=True, filters={"label": labels})
            return [item["Labels"].get(LABEL_ID, "") for item in found]

        found: list[str] = await self._call(look)
        return found

    def _start(
        self, client: docker.DockerClient, transfer_id: str, asked: ArchiveRequest, auth: str
    ) -> None:
        work = work_folder(self._settings, transfer_id)
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        (work / RESULT).unlink(missing_ok=True)
        request = self._request_folder(transfer_id)
        _write(request / "request.json", asked.model_dump_json())
        _write(request / AUTH, auth)
        mounts = [
            Mount("/work", str(work), type="bind"),
            Mount("/request", str(request), type="bind", read_only=True),
        ]
        environment, groups = {}, []
        if asked.step is ArchiveStep.UNPACK:
            source = str(archive_file(self._settings, transfer_id))
            mounts.append(Mount("/archive.tar", source, type="bind", read_only=True))
        if asked.step in NEEDS_ENGINE:
            socket = socket_path(client)
            mounts.append(Mount(SOCKET, socket, type="bind"))
            groups = [str(os.stat(socket).st_gid)]
        if asked.step in NEEDS_NETWORK and self._settings.images.ca_file:
            source = str(bundle_path(self._settings))
            mounts.append(Mount(BUNDLE, source, type="bind", read_only=True))
            environment["SSL_CERT_FILE"] = BUNDLE
        try:
            client.containers.run(
                self._settings.images.agent,
                ["python3", "-m", "dsw_agent.archives"],
                name=container_name(self._settings.installation, transfer_id),
                labels=self._labels(transfer_id) | {LABEL_STEP: asked.step.value},
                detach=True,
                environment=environment,
                mounts=mounts,
                # What it writes is then control's own.
                user=f"{os.getuid()}:{os.getgid()}",
                group_add=groups,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                read_only=True,
                network_mode="host" if asked.step in NEEDS_NETWORK else "none",
                mem_limit=MEMORY,
                pids_limit=128,
                log_config=LogConfig(type="json-file", config={"max-size": "1m"}),
            )
        except ImageNotFound as error:
            raise errors.EngineFailed(
                f"The helper image {self._settings.images.agent} is not there.",
                "An administrator can build it with: dsw images build agent",
            ) from error
        except APIError as error:
            # It was started by a control that ended before it could say so.
            if error.status_code != 409:
                raise

    def _labels(self, transfer_id: str) -> dict[str, str]:
        return {
            LABEL_INSTALLATION: self._settings.installation,
            LABEL_KIND: KIND,
            LABEL_ID: transfer_id,
        }

    def _request_folder(self, transfer_id: str) -> Path:
        return self._settings.data / "run" / "archives" / transfer_id

    def _find(self, client: docker.DockerClient, transfer_id: str) -> Container | None:
        try:
            return client.containers.get(container_name(self._settings.installation, transfer_id))
        except NotFound:
            return None


def archive_file(settings: Settings, transfer_id: str) -> Path:
    """The archive of a transfer."""
    return settings.data / "transfers" / f"{transfer_id}.tar"


def work_folder(settings: Settings, transfer_id: str) -> Path:
    """Where the helpers of a transfer work."""
    return settings.data / "transfers" / transfer_id


def _result(box: Container, path: Path) -> ArchiveResult:
    state = box.attrs["State"]
    try:
        # No link is followed: what came from outside was read by who wrote this.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            content = file.read(RESULT_MAX + 1)
        result = ArchiveResult.model_validate_json(content)
    except (OSError, ValueError):
        why = "it needed too much memory" if state["OOMKilled"] else f"code {state['ExitCode']}"
        return ArchiveResult(error=f"The helper ended before it was done: {why}.")
    if state["ExitCode"] and not result.error:
        return ArchiveResult(error="The helper ended before it was done.")
    return result


def _write(path: Path, text: str) -> None:
    """A file that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
