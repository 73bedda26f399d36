"""Routes of SSH keys and tickets, and those for the servers that tickets are shown to."""

from __future__ import annotations

from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

import dsw
from dsw.instances import SshHost
from dsw.names import id_pattern
from dsw.roles import Action
from dsw.ssh import (
    SshEntrants,
    SshEntry,
    SshEntryAsk,
    SshKeyAdd,
    SshKeyView,
    SshTicketAsk,
    SshTicketView,
)
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.ssh import entering, keys, servers

router = APIRouter(tags=["ssh"])
downloads = APIRouter(prefix="/downloads", include_in_schema=False)

KeyId = Annotated[str, Path(pattern=id_pattern("key"))]
InstanceId = Annotated[str, Path(pattern=id_pattern("dsw"))]


@router.get("/ssh-keys", **does(Action.SSH_KEY_OWN))
async def list_keys(control: ControlDep, caller: CallerDep, page: PageDep) -> Page[SshKeyView]:
    """Your public keys, oldest first."""
    items, cursor = await keys.list_keys(control, caller, page)
    return Page(items=items, next=cursor)


@router.post("/ssh-keys", status_code=201, **does(Action.SSH_KEY_OWN))
async def add_key(
    control: ControlDep, caller: CallerDep, body: SshKeyAdd, once: OnceDep
) -> SshKeyView:
    """Register a public key, as a line of a `.pub` file."""
    return await keys.add_key(control, caller, body, once)


@router.delete("/ssh-keys/{key_id}", status_code=204, **does(Action.SSH_KEY_OWN))
async def remove_key(control: ControlDep, caller: CallerDep, key_id: KeyId) -> None:
    """Forget a key. Sessions that it opened end within seconds."""
    await keys.remove_key(control, caller, key_id)


@router.post("/ssh/tickets", **does(Action.INSTANCE_SSH))
async def ask_ticket(control: ControlDep, caller: CallerDep, body: SshTicketAsk) -> SshTicketView:
    """A ticket for the SSH of one instance, good for a minute; `start` starts it if need be."""
    return await entering.ask_ticket(control, caller, body)


@router.put("/instances/{instance_id}/ssh", status_code=204, **does(Action.INSTANCE_SSH))
async def put_host(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, body: SshHost
) -> None:
    """Its own server tells its user and its host key; by the instance's token only."""
    await servers.put_host(control, caller, instance_id, body)


@router.post("/instances/{instance_id}/ssh/entries", **does(Action.INSTANCE_SSH))
async def redeem(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, body: SshEntryAsk
) -> SshEntry:
    """Its own server shows a ticket; answers whose it is and by which keys they log in."""
    return await servers.redeem(control, caller, instance_id, body)


@router.get("/instances/{instance_id}/ssh/entrants", **does(Action.INSTANCE_SSH))
async def get_entrants(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId
) -> SshEntrants:
    """Who may enter by SSH now, with their keys; by the instance's token only."""
    return await servers.entrants_of(control, caller, instance_id)


@downloads.get("/dsw-ssh-proxy.py")
async def get_ssh_proxy() -> FileResponse:
    """The ProxyCommand as one file, for people without the package; it holds nothing secret."""
    file = File(dsw.__file__).with_name("ssh_proxy.py")
    return FileResponse(file, media_type="text/x-python", filename="dsw-ssh-proxy.py")
