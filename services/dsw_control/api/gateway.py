"""Routes for the SSH gateway; not below the service prefix, so the proxy never leads here."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from dsw.instances import InstanceView
from dsw.roles import Action
from dsw.ssh import GatewayTicketAsk, GatewayUser, SshTicketView
from dsw_control.api.dependencies import ControlDep, does, require_gateway
from dsw_control.auth import Caller
from dsw_control.ssh import gateway

router = APIRouter(
    prefix="/internal/gateway", dependencies=[Depends(require_gateway)], include_in_schema=False
)


@router.post("/users", status_code=204)
async def check_user(control: ControlDep, body: GatewayUser) -> None:
    """Whether this key is one of this user's; 403 without a reason if not."""
    await gateway.holder(control, body)


@router.post("/tickets", **does(Action.INSTANCE_SSH))
async def give_ticket(
    request: Request, control: ControlDep, body: GatewayTicketAsk
) -> SshTicketView:
    """A ticket in the name of this user, who has proved to hold the key."""
    key = await gateway.holder(control, body)
    # From here on a refusal is one of theirs, and written down as such.
    request.state.caller = Caller(name=body.username)
    return await gateway.ticket_for(control, key, body)


@router.post("/instances")
async def list_instances(control: ControlDep, body: GatewayUser) -> list[InstanceView]:
    """The instances that this user, who has proved to hold the key, may enter."""
    await gateway.holder(control, body)
    return await gateway.instances_for(control, body.username)
