"""How a launch plan of control becomes a running server, whatever the engine.

The mixin owns the road of a start: options checked, plan fetched, steps reported to people and to
control, and everything undone when a step fails. An engine's spawner brings `launch`, `halt` and
`discard`, and decides nothing about who may run what.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any, ClassVar

import sqlalchemy
from jupyterhub.spawner import Spawner, SpawnException
from pydantic import ValidationError
from traitlets import Integer, Unicode, default

from dsw import origins
from dsw.errors import DswError
from dsw.events import Phase, PhaseReport
from dsw.instances import Reason
from dsw.plan import LaunchPlan, PlanRequest, UserOptions
from dsw_spawners.cancellation import to_the_end
from dsw_spawners.control import Control
from dsw_spawners.outbox import Outbox
from dsw_spawners.run_folder import RunFolder
from dsw_spawners.steps import StartFailed, Step
from dsw_spawners.timeline import Timeline

UNDO_SECONDS = 20


class Refused(SpawnException):  # type: ignore[misc]
    """The start was never begun: wrong options, or control said no."""


class WorkspaceSpawnerMixin(Spawner):  # type: ignore[misc]
    """Starts what control's launch plan says. Put it before a spawner class of JupyterHub."""

    control_url = Unicode(
        config=True,
        help="""
        Address of the control service as the hub sees it, without the service prefix.

        For example ``http://172.30.0.1:8082``.
        """,
    )

    control_token = Unicode(
        config=True,
        help="""
        The hub's token at the internal routes of the control service.
        """,
    )

    data_dir = Unicode(
        "/var/lib/jupyterhub-dsw",
        config=True,
        help="""
        Data directory of the installation. The environment of each instance is handed over in a
        folder below it, ``run/instances/<instance id>``.
        """,
    )

    instance_id = Unicode(help="Id of the instance that this server is; kept while it is stopped.")
    attempt = Integer(help="Number of the current or last start, as control counts them.")

    plan: LaunchPlan | None = None

    _shared: ClassVar[dict[tuple[str, str], tuple[Control, Outbox]]] = {}
    _timeline: Timeline | None = None
    _deadline = 0.0
    _failed_start = False
    _adopting = False

    @default("apply_user_options")
    def _leave_options_to_control(self) -> Callable[[Any, Any], None]:
        # They are checked in `start` and become the plan; no trait is set from them.
        return lambda spawner, options: None

    # The engine's part

    @abstractmethod
    def launch(self, plan: LaunchPlan) -> AsyncIterator[Step]:
        """Do the start, step by step; the last step carries the server's URL."""

    @abstractmethod
    async def poll(self) -> int | None:
        """None while the server runs, else its exit code."""

    @abstractmethod
    async def halt(self) -> None:
        """End the server and keep what was installed in it."""

    @abstractmethod
    async def discard(self) -> None:
        """Remove what the engine keeps of the instance; never data on the NAS."""

    async def locate(self) -> str:
        """The URL of the running server; empty where only the hub's database knows."""
        return ""

    def run_folder(self) -> RunFolder:
        """Where this instance's environment is handed over."""
        return RunFolder(self.data_dir, self.instance_id)

    # What the hub calls

    async def start(self) -> str:
        """Start the server; the answer is its URL. `SpawnException` with a sentence when not."""
        timeline = self._timeline = Timeline()
        self._failed_start = self._adopting = False
        undo = AsyncExitStack()
        try:
            async with asyncio.timeout(self._budget) as limit:
                self._deadline = limit.when() or 0.0
                self.plan = await self._ask_for_plan()
                self.remember(self.plan)
                return await self._follow(self.plan, undo)
        except BaseException as error:
            self._failed_start = True
            try:
                await self._undo(undo)
            finally:
                told = self._explain(error)
            if told is error:
                raise
            raise told from error
        finally:
            timeline.end()

    async def stop(self, now: bool = False) -> None:
        """Stop the server, and tell control unless this is the end of a start that failed."""
        if self._failed_start:
            await self.halt()
            return
        if self._gave_up:
            self._tell_failure(
                StartFailed(Reason.NEVER_ANSWERED, "The server does not answer the hub.")
            )
            await self.halt()
            return
        self._tell(PhaseReport(attempt=self.attempt, phase=Phase.STOPPING))
        await self.halt()
        self._tell(PhaseReport(attempt=self.attempt, phase=Phase.STOPPED))

    async def delete_forever(self) -> None:
        """The named server is deleted: nothing of it stays but its data on the NAS."""
        if not self.instance_id:
            return
        try:
            await self.discard()
        finally:
            self.run_folder().remove()
            self._tell(PhaseReport(attempt=self.attempt, phase=Phase.DELETED))

    async def get_options_form(self) -> str:
        """A start on the hub's page is asked for again when a page of another origin led there."""
        site = self.handler and self.handler.request.headers.get("Sec-Fetch-Site")
        if site in origins.OTHERS:
            return "<p>A page outside of the hub asks for this start.</p>"
        return str(await super().get_options_form() or "")

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """The steps of the current start, for the hub's progress page."""
        if self._timeline:
            async for event in self._timeline.read():
                yield event

    def run_post_stop_hook(self) -> Any:
        """However the server ended, its token does not stay on the disk."""
        if self.instance_id:
            self.run_folder().clear()
        return super().run_post_stop_hook()

    def start_polling(self) -> None:
        """The hub has seen the server answer."""
        self._adopting = False
        super().start_polling()

    async def get_url(self) -> str:
        """Asked by a hub that finds the server running after its own restart."""
        self._adopting = True
        return await self.locate() or str(self.server.url)

    def get_env(self) -> dict[str, str]:
        """The hub's environment and the plan's; the plan wins."""
        environment = super().get_env()
        if self.plan:
            environment.update(self.plan.environment)
        return {name: str(value) for name, value in environment.items() if value is not None}

    def get_state(self) -> dict[str, Any]:
        """What the next hub needs to find the instance again, running or stopped."""
        state: dict[str, Any] = super().get_state()
        if self.instance_id:
            state.update(instance_id=self.instance_id, attempt=self.attempt)
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up the instance that an earlier hub started."""
        super().load_state(state)
        self.instance_id = state.get("instance_id", "")
        self.attempt = state.get("attempt", 0)
        if self.instance_id:
            # The hub keeps only a hash; with the token itself it can revoke it at the stop.
            self.api_token = self.run_folder().token()

    # The road of a start

    @property
    def _budget(self) -> float:
        """Seconds for the steps, so that the undoing also ends within the hub's own limit."""
        return float(max(self.start_timeout - UNDO_SECONDS, self.start_timeout * 0.8))

    @property
    def answer_seconds(self) -> float:
        """Seconds that the started server has to answer, within what the start has left."""
        left = self._deadline - asyncio.get_running_loop().time()
        return float(min(self.http_timeout, max(left - 1, 1)))

    @property
    def _gave_up(self) -> bool:
        """Whether this stop comes from the hub's own wait for the server."""
        return bool(self._waiting_for_response or self._adopting)

    async def _ask_for_plan(self) -> LaunchPlan:
        try:
            options = UserOptions.model_validate(self.user_options)
        except ValidationError as error:
            raise Refused(_option_sentence(error), reason="invalid") from error
        request = PlanRequest(owner=self.user.name, name=self.name, options=options)
        try:
            return await self._control.plan(request)
        except DswError as error:
            raise Refused(error.sentence, reason=error.code, status_code=error.status) from error

    def remember(self, plan: LaunchPlan) -> None:
        """Set what the plan decides, and put it into the hub's database before the engine acts:
        a hub that dies during the start leaves nothing that the next one cannot find."""
        self.instance_id, self.attempt = plan.instance_id, plan.attempt
        self.mem_limit, self.cpu_limit = plan.memory, plan.cpu
        self.save_state()

    def save_state(self) -> None:
        """Write the state to the hub's database now."""
        self.orm_spawner.state = self.get_state()
        sqlalchemy.inspect(self.orm_spawner).session.commit()

    async def _follow(self, plan: LaunchPlan, undo: AsyncExitStack) -> str:
        self._show(Step(phase=Phase.ADMITTED, message="Admitted"))
        url = ""
        async with aclosing(self.launch(plan)) as steps:  # type: ignore[type-var]
            async for step in steps:
                if step.undo:
                    undo.push_async_callback(step.undo)
                self._show(step)
                url = step.url or url
        return url

    async def _undo(self, undo: AsyncExitStack) -> None:
        try:
            await to_the_end(undo.aclose())
        except DswError as error:
            # The reason of the failed start matters more; control's reconciler clears orphans.
            self.log.warning("Left behind by %s: %s", self.instance_id, error.sentence)

    def _show(self, step: Step) -> None:
        if step.phase and self._timeline:
            self._timeline.add(step)
            self._tell(step.report(self.attempt, step.phase))

    def _explain(self, error: BaseException) -> BaseException:
        """Report the failure once; the answer is what the hub gets to see."""
        if isinstance(error, Refused):
            # Control knows already, or there is no instance that it could know.
            return error
        failure = self._failure(error)
        self._tell_failure(failure)
        if isinstance(error, DswError | TimeoutError):
            refusal: BaseException = SpawnException(
                failure.story, reason=failure.reason.value, status_code=failure.status
            )
            return refusal
        return error

    def _failure(self, error: BaseException) -> StartFailed:
        if isinstance(error, StartFailed):
            return error
        if isinstance(error, DswError):
            return StartFailed(Reason.ENGINE_FAILED, error.message, error.hint)
        if isinstance(error, TimeoutError):
            return StartFailed(
                Reason.ENGINE_FAILED, f"The start was not done after {self._budget:.0f} seconds."
            )
        if isinstance(error, asyncio.CancelledError):
            return StartFailed(Reason.HUB_LOST, "The hub ended the start.")
        name = type(error).__name__
        return StartFailed(Reason.ENGINE_FAILED, f"The hub failed at this start ({name}).")

    def _tell_failure(self, failure: StartFailed) -> None:
        self._tell(
            PhaseReport(
                attempt=self.attempt,
                phase=Phase.FAILED,
                reason=failure.reason.value,
                message=failure.story,
            )
        )

    def _tell(self, report: PhaseReport) -> None:
        if self.instance_id:
            self._parts[1].put(self.instance_id, report)

    @property
    def _control(self) -> Control:
        return self._parts[0]

    @property
    def _parts(self) -> tuple[Control, Outbox]:
        """Shared by all spawners: what is still to be reported outlives a deleted server."""
        key = (self.control_url, self.control_token)
        if key not in self._shared:
            control = Control(*key)
            self._shared[key] = (control, Outbox(control.report, self.log))
        return self._shared[key]


def _option_sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "user_options"
    # `attempt` is control's own; people have no use for it.
    known = ", ".join(name for name in UserOptions.model_fields if name != "attempt")
    if first["type"] == "extra_forbidden":
        return f"The option {key!r} is not known. Known options are: {known}."
    return f"The option {key!r} cannot be used: {first['msg']}."
