"""A launch plan as a local process: no container, no isolation, no limits.

For tests, and for machines on which no container engine can run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import random_port
from traitlets import Unicode, default

from dsw.errors import EngineFailed
from dsw.events import Phase
from dsw.instances import Reason
from dsw.plan import LaunchPlan
from dsw_spawners.readiness import answers
from dsw_spawners.run_folder import RunFolder
from dsw_spawners.steps import StartFailed, Step
from dsw_spawners.workspace import WorkspaceSpawnerMixin

LOG_BYTES = 4000


class WorkspaceProcessSpawner(WorkspaceSpawnerMixin, LocalProcessSpawner):  # type: ignore[misc]
    """Runs instances as processes of the hub's own user, with the plan's home folder."""

    began = Unicode(help="When the process began, in the kernel's ticks: pids are used again.")

    @default("cmd")
    def _server_of_this_environment(self) -> list[str]:
        return [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]

    @default("ip")
    def _on_loopback(self) -> str:
        return "127.0.0.1"

    @default("term_timeout")
    def _ten_seconds(self) -> int:
        return 10

    def run_folder(self) -> RunFolder:
        """Keeps the log, and the token for the next hub; it belongs to the hub's own user."""
        return RunFolder(self.data_dir, self.instance_id, owner=None)

    async def launch(self, plan: LaunchPlan) -> AsyncIterator[Step]:
        """Start the process; then its server answers."""
        if await self.poll() is None:
            await self.halt()
        yield Step(phase=Phase.IMAGE_PRESENT, message="No image: this is a local process")
        yield Step(undo=self.halt)
        self.port = random_port()
        self._begin(plan)
        yield Step(
            phase=Phase.CONTAINER_STARTED, message="Process started, waiting for it to answer"
        )
        url = f"http://{self.ip}:{self.port}"
        if not await answers(
            f"{url}{self.server.base_url}api", self.answer_seconds, self._still_runs
        ):
            raise StartFailed(
                Reason.NEVER_ANSWERED,
                f"The server never answered on port {self.port} and was stopped.",
                log=self._last_lines(),
            )
        yield Step(phase=Phase.SERVER_ANSWERING, message="The server answers", url=url)

    async def halt(self) -> None:
        """SIGTERM, and SIGKILL after ten seconds."""
        await LocalProcessSpawner.stop(self, now=True)
        self.run_folder().clear()

    async def discard(self) -> None:
        """There is nothing but the home folder, which is data and stays."""

    async def poll(self) -> int | None:
        """None while it runs, else its exit code (0 where an earlier hub started it)."""
        if self.proc is not None:
            status: int | None = self.proc.poll()
            return status
        return None if self.pid and _began(self.pid) == self.began else 0

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """The home is the plan's, whoever the hub's own user is."""
        return {**env, "USER": self.user.name, "SHELL": os.environ.get("SHELL", "/bin/bash")}

    def get_env(self) -> dict[str, str]:
        """The environment, with home and run folder on this host instead of the container's."""
        environment = super().get_env()
        if self.plan:
            environment["HOME"] = self.plan.home
            environment["DSW_CODE_FILE"] = str(self.run_folder().path / "code")
            environment["DSW_APPS_FILE"] = str(self.run_folder().path / "apps")
        return environment

    def get_args(self) -> list[str]:
        """Jupyter refuses to run as root unless it is told that this is meant."""
        return [*super().get_args(), *(["--allow-root"] if os.geteuid() == 0 else [])]

    def get_state(self) -> dict[str, Any]:
        """As the mixin's, and when the process began."""
        state = super().get_state()
        if self.pid:
            state["began"] = self.began
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """As the mixin's, and when the process began."""
        super().load_state(state)
        self.began = state.get("began", "")

    @property
    def _log_file(self) -> Path:
        return self.run_folder().path / "server.log"

    def _begin(self, plan: LaunchPlan) -> None:
        environment = self.get_env()
        self.run_folder().write(environment, plan)
        try:
            Path(plan.home).mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._log_file.open("wb") as log:
                # A session of its own, and no pipe to the hub: it outlives the hub.
                self.proc = subprocess.Popen(
                    [*self.cmd, *self.get_args()],
                    cwd=plan.home,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineFailed(f"The process cannot be started: {error}.") from error
        self.pid = self.proc.pid
        self.began = _began(self.pid)
        self.save_state()

    async def _still_runs(self) -> None:
        status = await self.poll()
        if status is not None:
            raise StartFailed(
                Reason.EXITED,
                f"The server ended with exit code {status} before it answered.",
                log=self._last_lines(),
            )

    def _last_lines(self) -> str:
        try:
            return self._log_file.read_bytes()[-LOG_BYTES:].decode(errors="replace").strip()
        except OSError:
            return ""


def _began(pid: int) -> str:
    """When the process began; empty when there is none, or only its exit code is left."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
