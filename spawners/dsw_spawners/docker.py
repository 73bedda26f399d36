"""A launch plan on a Docker engine: the container that is kept over a stop, and its life."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from dockerspawner import DockerSpawner
from traitlets import default

from dsw.errors import EngineFailed
from dsw.events import Phase
from dsw.instances import Reason
from dsw.names import container_name
from dsw.plan import EXIT_OUT_OF_MEMORY, LaunchPlan
from dsw.units import format_size
from dsw_spawners import docker_args
from dsw_spawners.docker_engine import Engine
from dsw_spawners.docker_errors import NoSuchObject
from dsw_spawners.readiness import answers
from dsw_spawners.steps import StartFailed, Step
from dsw_spawners.workspace import WorkspaceSpawnerMixin

CALLS_AT_ONCE = 64
STOP_SECONDS = 10
KILLED = 128 + 9


class WorkspaceDockerSpawner(WorkspaceSpawnerMixin, DockerSpawner):  # type: ignore[misc]
    """Runs instances as containers of one Docker engine.

    DockerSpawner's own settings (volumes, mounts, extra_create_kwargs, extra_host_config) apply to
    every new container; where the launch plan says something else, the plan wins.
    """

    _executor: ClassVar[ThreadPoolExecutor] = ThreadPoolExecutor(CALLS_AT_ONCE, "docker")

    @default("client_kwargs")
    def _as_many_connections_as_threads(self) -> dict[str, Any]:
        return {"max_pool_size": CALLS_AT_ONCE}

    @property
    def engine(self) -> Engine:
        """The engine that DockerSpawner's settings and `DOCKER_HOST` name."""
        return Engine(lambda: self.client, self._executor)

    @property
    def will_resume(self) -> bool:
        """Never: each start has a token of its own, and the hub revokes it at the stop."""
        return False

    def remember(self, plan: LaunchPlan) -> None:
        """Know the container by its name before there is one."""
        self.image = plan.image_digest
        self.object_name = container_name(plan.installation, plan.instance_id)
        super().remember(plan)

    async def launch(self, plan: LaunchPlan) -> AsyncIterator[Step]:
        """The kept container where it fits the plan, else a new one; then its server answers."""
        kept = await self._container()
        resume = kept is not None and docker_args.fits(plan, kept)
        if kept and not resume:
            _may_replace(plan, kept)
        if not resume:
            async for step in self._image_of(plan):
                yield step
        yield Step(phase=Phase.IMAGE_PRESENT, message=f"The image {plan.image_name} is there")
        if kept:
            # Either it is replaced, or a hub that died left it running with a dead token.
            await (self.halt() if resume else self._remove())
        yield Step(undo=self.halt if resume else self._remove)
        self.run_folder().write(self.get_env(), plan)
        if resume:
            await self.engine.update(self.object_name, docker_args.update_body(plan))
        else:
            await self._create(plan)
        made = "Your container is taken up again" if resume else "Container created"
        yield Step(phase=Phase.CONTAINER_CREATED, message=made)
        await self.engine.start(self.object_name)
        yield Step(
            phase=Phase.CONTAINER_STARTED,
            message="Container started, waiting for its server to answer",
        )
        url = await self._answering(plan)
        yield Step(phase=Phase.SERVER_ANSWERING, message="The server answers", url=url)

    async def halt(self) -> None:
        """SIGTERM, and SIGKILL after ten seconds. The container stays, its token does not."""
        await self.engine.stop(self.object_name, STOP_SECONDS)
        self.run_folder().clear()

    async def discard(self) -> None:
        """Remove the container."""
        await self._remove()

    async def locate(self) -> str:
        """Where the container is now: its address may change whenever it starts."""
        try:
            container = await self._container()
        except EngineFailed:
            return ""
        return self._url(container) if container else ""

    async def poll(self) -> int | None:
        """None while it runs, else its exit code. An engine that does not answer ends nothing:
        after its restart it says what became of the container."""
        if not self.instance_id:
            return 0
        try:
            container = await self._container()
        except EngineFailed as error:
            self.log.warning("Taking %s as running: %s", self.object_name, error.sentence)
            return None
        if container is None:
            return 0
        return None if container["State"]["Running"] else int(container["State"]["ExitCode"])

    async def _image_of(self, plan: LaunchPlan) -> AsyncIterator[Step]:
        """Nothing to yield when the engine has the image."""
        if await self.engine.has_image(plan.image_digest):
            return
        if not plan.image_reference:
            raise _image_gone(
                f"The image {plan.image_name} is not on this engine any more, and in no registry."
            )
        by_digest = "@" in plan.image_digest
        reference = plan.image_digest if by_digest else plan.image_reference
        credentials = _credentials(plan)
        try:
            async for step in self.engine.pull(reference, plan.image_name, credentials):
                yield step
        except NoSuchObject as error:
            raise _image_gone(
                f"The image {plan.image_name} ({reference}) is not in its registry any more."
            ) from error
        except EngineFailed as error:
            raise StartFailed(Reason.IMAGE_PULL_FAILED, error.message, error.hint) from error
        if not await self.engine.has_image(plan.image_digest):
            raise _image_gone(f"{reference} names another image now than the catalog's.")

    async def _create(self, plan: LaunchPlan) -> None:
        create = await self._evaluated(self.extra_create_kwargs)
        if create.pop("environment", None):
            self.log.warning("Spawner.environment is the place for it, not extra_create_kwargs")
        if self.cmd:
            create["command"] = [*self.cmd, *self.get_args()]
        host = {
            "binds": self.volume_binds,
            "links": self.links,
            "mounts": self.mount_binds,
            **await self._evaluated(self.extra_host_config),
        }
        self.object_id = await self.engine.create(
            docker_args.host_arguments(plan, str(self.run_folder().path), host),
            name=self.object_name,
            **docker_args.create_arguments(plan, create),
        )

    async def _answering(self, plan: LaunchPlan) -> str:
        container = await self._still_runs(plan)
        url = self._url(container)
        if not url:
            raise EngineFailed(f"The container has no address on the network {plan.network}.")
        seconds = self.answer_seconds
        if await answers(
            f"{url}{self.server.base_url}api", seconds, lambda: self._still_runs(plan)
        ):
            return url
        raise StartFailed(
            Reason.NEVER_ANSWERED,
            f"The server never answered on port {self.port} within {seconds:.0f} seconds "
            "and was stopped.",
            log=await self.engine.last_lines(container),
        )

    async def _still_runs(self, plan: LaunchPlan) -> dict[str, Any]:
        container = await self._container()
        if container is None:
            raise StartFailed(Reason.EXITED, "The container was removed while it started.")
        state = container["State"]
        if state["Running"]:
            return container
        log = await self.engine.last_lines(container)
        # The engine's flag comes late or never; nobody else kills a server that is starting.
        if state["OOMKilled"] or state["ExitCode"] in (KILLED, EXIT_OUT_OF_MEMORY):
            raise StartFailed(
                Reason.OUT_OF_MEMORY,
                "The server was killed because it needed more than its "
                f"{format_size(plan.memory)} of memory.",
                "Choose a larger spec.",
                log,
            )
        raise StartFailed(
            Reason.EXITED,
            f"The server ended with exit code {state['ExitCode']} before it answered.",
            log=log,
        )

    async def _container(self) -> dict[str, Any] | None:
        container = await self.engine.inspect(self.object_name)
        self.object_id = container["Id"] if container else ""
        return container

    async def _remove(self) -> None:
        await self.engine.remove(self.object_name)
        self.object_id = ""
        self.run_folder().clear()

    def _url(self, container: dict[str, Any]) -> str:
        networks = container["NetworkSettings"]["Networks"]
        network = networks.get(container["HostConfig"]["NetworkMode"]) or {}
        address = network.get("IPAddress")
        return f"http://{address}:{self.port}" if address else ""

    async def _evaluated(self, value: Any) -> dict[str, Any]:
        value = self._eval_if_callable(value)
        if inspect.isawaitable(value):
            value = await value
        return dict(self._render_templates(value))


def _image_gone(message: str) -> StartFailed:
    return StartFailed(Reason.IMAGE_GONE, message, "Choose another image.")


def _may_replace(plan: LaunchPlan, kept: dict[str, Any]) -> None:
    if plan.replace:
        return
    what = ", ".join(docker_args.differences(plan, kept))
    raise StartFailed(
        Reason.NEEDS_NEW_CONTAINER,
        f"A change needs a new container ({what}), which loses what was installed in this one.",
        "Undo the change, or save the instance as an image and then change it with "
        "discard_changes (dsw instances change NAME --discard-changes).",
    )


def _credentials(plan: LaunchPlan) -> dict[str, str] | None:
    """What the engine shows the registry; None: what its client has."""
    login = plan.registry_login
    return None if login is None else {"username": login.username, "password": login.secret}
