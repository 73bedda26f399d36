"""Routes for sharing an instance, and for the server that asks whom it may let in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from dsw.names import id_pattern
from dsw.roles import Action
from dsw.sharing import SharePut, ShareView, Visitors
from dsw_control import shares
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, PageDep, does
from dsw_control.api.schemas import Page

router = APIRouter(prefix="/instances/{instance_id}", tags=["shares"])

InstanceId = Annotated[str, Path(pattern=id_pattern("dsw"))]
ShareId = Annotated[str, Path(pattern=id_pattern("shr"))]


@router.get("/shares", **does(Action.INSTANCE_SHARE_OWN))
async def list_shares(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, page: PageDep
) -> Page[ShareView]:
    """With whom an instance is shared, oldest first."""
    items, cursor = await shares.list_shares(control, caller, instance_id, page)
    return Page(items=items, next=cursor)


@router.put("/shares", **does(Action.INSTANCE_SHARE_OWN))
async def put_share(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    body: SharePut,
    response: Response,
    if_match: IfMatch = None,
) -> ShareView:
    """Share it with a member or with the whole workspace; one share for each of them."""
    view = await shares.put_share(control, caller, instance_id, body, if_match)
    return tagged(response, view)


@router.delete("/shares/{share_id}", status_code=204, **does(Action.INSTANCE_SHARE_OWN))
async def end_share(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, share_id: ShareId
) -> None:
    """Share it no more."""
    await shares.end_share(control, caller, instance_id, share_id)


@router.get("/visitors", **does(Action.INSTANCE_USE_OWN))
async def get_visitors(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, response: Response
) -> Visitors:
    """Who else may use the instance now; for its own server, by its token."""
    return tagged(response, await shares.visitors_of(control, caller, instance_id))
