"""What an agent shows a registry: a token for the repositories of one snapshot where the registry
takes tokens, otherwise user and password."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from dsw.agent import AgentTarget
from dsw.base import Model
from dsw.plan import RegistryLogin
from dsw.references import parse_reference
from dsw_control.assets import registry
from dsw_control.context import Control

TOKEN_FILE = "token"  # noqa: S105
"""In the folder of the agent's request, which it sees as `/request`."""
WRITE = "pull,push,delete"
"""`delete` takes back what a snapshot that is cancelled had put there."""

LONG = 24 * 3600


class Access(Model):
    """A token that is renewed at a moment, or a login; neither where nothing is asked for."""

    token: str = ""
    renew_at: datetime | None = None
    login: RegistryLogin | None = None


async def access_for(control: Control, login: RegistryLogin | None, target: AgentTarget) -> Access:
    """Access to write to the target's repository and to read the base's, and to nothing else."""
    if login is None:
        return Access()
    home = parse_reference(f"{target.repository}:{target.tag}")
    base = parse_reference(target.base)
    scopes = [f"repository:{home.repository}:{WRITE}"]
    if base.repository != home.repository:
        scopes.append(f"repository:{base.repository}:pull")
    settings = control.settings
    async with registry.opened(settings, home.host, login, target.insecure) as there:
        token = await there.token(scopes)
    if token is None:
        return Access(login=login)
    life = timedelta(seconds=min(token.seconds, LONG))
    return Access(token=token.text, renew_at=control.clock() + life / 3)


def hand_over(
    control: Control, snapshot_id: str, target: AgentTarget, access: Access
) -> AgentTarget:
    """The target with what it takes to write there."""
    if access.renew_at is not None:
        write_token(folder_of(control, snapshot_id), access.token, access.renew_at)
        return target.model_copy(update={"token_file": f"/request/{TOKEN_FILE}"})
    if access.login is None:
        return target
    login = {"username": access.login.username, "password": access.login.secret}
    return target.model_copy(update=login)


def folder_of(control: Control, snapshot_id: str) -> Path:
    """The folder of the agent's request."""
    return control.settings.data / "run" / "agents" / snapshot_id


def token_files(control: Control) -> list[Path]:
    """The tokens of all agents that have one."""
    return sorted(folder_of(control, "").glob(f"snap-*/{TOKEN_FILE}"))


def write_token(folder: Path, text: str, renew_at: datetime) -> None:
    """Put the token where the agent reads it, at once and for its eyes only; the file's time is
    when it is to be renewed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = folder / f".{TOKEN_FILE}"
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.utime(aside, (renew_at.timestamp(), renew_at.timestamp()))
    aside.replace(folder / TOKEN_FILE)
