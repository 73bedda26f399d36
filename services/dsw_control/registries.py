"""Where the images of a workspace are put: its own registry, the installation's, or the engine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.agent import AgentRequest, AgentTarget
from dsw.base import Model
from dsw.errors import Conflict, DswError
from dsw.names import image_tag
from dsw.plan import RegistryLogin
from dsw.references import host_name, parse_reference
from dsw.snapshots import ENDED
from dsw.workspaces import RegistryPut
from dsw_control.assets.credentials import secret_of
from dsw_control.assets.registry import own_login
from dsw_control.context import Control
from dsw_control.push_progress import PushProgress
from dsw_control.registry_access import access_for, hand_over, token_files
from dsw_control.store.tables import Image, Snapshot, Workspace

log = structlog.get_logger()


class Home(Model):
    """A repository of a registry (`host[:port]`), and the one that base images are put into.

    `own`: the registry is the installation's. `credential`: the id of the one that opens it.
    """

    host: str
    repository: str
    bases: str
    own: bool = False
    insecure: bool = False
    credential: str | None = None
    compression: Literal["gzip", "zstd"] = "gzip"

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"


async def home_of(session: AsyncSession, control: Control, workspace_id: str) -> Home | None:
    """Where the workspace's images are put; None: into the engine only."""
    workspace = await session.get_one(Workspace, workspace_id)
    if workspace.image_registry is not None:
        put = RegistryPut.model_validate(workspace.image_registry)
        return Home(
            host=put.address,
            repository=put.repository,
            bases=put.repository,
            insecure=put.insecure,
            credential=put.credential,
            compression=put.compression,
        )
    own = control.settings.registry
    if not own.address:
        return None
    return Home(
        host=own.address,
        repository=f"{own.prefix}/{workspace_id}",
        bases=f"{own.prefix}/base",
        own=True,
        insecure=own.insecure,
        compression=own.compression,
    )


async def login_to(session: AsyncSession, control: Control, home: Home) -> RegistryLogin | None:
    """What opens it; `Conflict` when its credential is gone."""
    if home.own:
        return own_login(control, host_name(home.host))
    if home.credential is None:
        return None
    username, secret = await secret_of(session, control, home.credential, home.host)
    return RegistryLogin(username=username, secret=secret)


async def place_for(session: AsyncSession, control: Control, row: Snapshot) -> AgentTarget:
    """Where the snapshot goes, without what it takes to write there."""
    home = await home_of(session, control, row.workspace_id)
    if home is None:
        return AgentTarget(kind="engine", tag=image_tag(control.settings.installation, row.id))
    return AgentTarget(
        kind="registry",
        tag=row.id,
        repository=home.name,
        insecure=home.insecure,
        compression=home.compression,
    )


async def target_for(control: Control, row: Snapshot, base: str) -> AgentTarget:
    """Where the snapshot goes, and how the agent may write there.

    `base` is the engine's id of the image that the instance runs; it is pushed to the registry
    unless that has it. A token, where the registry takes one, is a file of the agent's request;
    `TokenFiles` renews it.
    """
    async with control.db.read() as session:
        target = await place_for(session, control, row)
        parent = await session.get_one(Image, row.parent_id)
        home = await home_of(session, control, row.workspace_id)
        login = await login_to(session, control, home) if home else None
    if home is None:
        return target
    pushed = parent.digest
    if not _is_at_hand(home, parent):
        watched = PushProgress(control, row.id)
        bases = f"{home.host}/{home.bases}"
        pushed = await watched.run(control.engine.push(base, bases, parent.id, login, watched.hear))
    target = target.model_copy(update={"base": pushed})
    access = await access_for(control, login, target)
    return hand_over(control, row.id, target, access)


async def credential_for(
    session: AsyncSession, control: Control, workspace_id: str, digest: str
) -> str | None:
    """The credential to keep with an image that was put where the workspace's images go; None for
    the engine and the installation's registry. `Conflict` when they go elsewhere by now."""
    if "@" not in digest:
        return None
    home = await home_of(session, control, workspace_id)
    if home is None or digest.partition("@")[0] != home.name:
        raise Conflict(
            "The workspace's registry was changed while the image was saved.", "Save it again."
        )
    return home.credential


def _is_at_hand(home: Home, parent: Image) -> bool:
    """Whether the home's registry has the image, where the home's login may read it."""
    if "@" not in parent.digest or parent.retired_at is not None:
        return False
    reference = parse_reference(parent.digest)
    same = reference.host == host_name(home.host)
    return same and (home.own or reference.repository == home.repository)


class TokenFiles:
    """Renews the tokens of the agents that run, each before it ends."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def turn(self) -> None:
        """One look at each file."""
        now = self._control.clock().timestamp()
        for file in token_files(self._control):
            with suppress(FileNotFoundError):
                if file.stat().st_mtime > now:
                    continue
                try:
                    await self._renew(file)
                except DswError as error:
                    log.warning("token not renewed", of=file.parent.name, error=error.sentence)

    async def _renew(self, file: Path) -> None:
        control, snapshot_id = self._control, file.parent.name
        target = AgentRequest.model_validate_json(
            (file.parent / "request.json").read_bytes()
        ).target
        async with control.db.read() as session:
            row = await session.get(Snapshot, snapshot_id)
            if row is None or row.state in ENDED:
                return
            home = await home_of(session, control, row.workspace_id)
            # What opens another registry by now is not for the one that the agent writes to.
            if home is None or home.name != target.repository:
                return
            login = await login_to(session, control, home)
        hand_over(control, snapshot_id, target, await access_for(control, login, target))
