"""Routes of resource groups, quotas and the queue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from dsw.names import id_pattern
from dsw.queueing import QueueEntryView, QueueMove
from dsw.quota import Quota
from dsw.resources import QuotaView, ResourceGroupView
from dsw.roles import Action
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.capacity import desk, quotas

router = APIRouter(tags=["capacity"])

WorkspaceKey = Annotated[str, Path(max_length=80)]
GroupName = Annotated[str, Path(max_length=40)]
InstanceId = Annotated[str, Path(pattern=id_pattern("dsw"))]


async def _quota(workspace: WorkspaceKey, resource_group: GroupName) -> tuple[str, str]:
    return workspace, resource_group


QuotaKey = Annotated[tuple[str, str], Depends(_quota)]


@router.get("/resource-groups", **does(Action.SPEC_LIST))
async def list_resource_groups(control: ControlDep, caller: CallerDep) -> Page[ResourceGroupView]:
    """What there is to run on, and what is free."""
    return Page(items=await quotas.list_groups(control, caller))


@router.get("/workspaces/{workspace}/quotas", **does(Action.QUOTA_READ))
async def list_quotas(
    control: ControlDep, caller: CallerDep, workspace: WorkspaceKey
) -> Page[QuotaView]:
    """What the workspace may use of each resource group, and what it uses."""
    return Page(items=await quotas.list_quotas(control, caller, workspace))


@router.get("/workspaces/{workspace}/quotas/{resource_group}", **does(Action.QUOTA_READ))
async def get_quota(
    control: ControlDep,
    caller: CallerDep,
    response: Response,
    key: QuotaKey,
) -> QuotaView:
    """The quota of the workspace in one resource group."""
    return _tagged(response, await quotas.get_quota(control, caller, key))


@router.put("/workspaces/{workspace}/quotas/{resource_group}", **does(Action.CAP_CHANGE))
async def put_quota(
    control: ControlDep,
    caller: CallerDep,
    key: QuotaKey,
    body: Quota,
    response: Response,
    if_match: IfMatch = None,
) -> QuotaView:
    """Set it as a whole. Limits, storage and bands are for platform administrators."""
    return _tagged(response, await quotas.put_quota(control, caller, key, body, if_match))


@router.delete(
    "/workspaces/{workspace}/quotas/{resource_group}",
    status_code=204,
    **does(Action.QUOTA_CHANGE),
)
async def delete_quota(control: ControlDep, caller: CallerDep, key: QuotaKey) -> None:
    """Let the workspace use nothing of the resource group; what runs goes on."""
    await quotas.delete_quota(control, caller, key)


@router.get("/queue", **does(Action.QUEUE_READ))
async def list_queue(
    control: ControlDep,
    caller: CallerDep,
    page: PageDep,
    workspace: Annotated[str | None, Query(max_length=80)] = None,
    resource_group: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[QueueEntryView]:
    """Who waits in your workspaces, in the order of service."""
    of = (workspace, resource_group)
    items, cursor = await desk.list_queue(control, caller, of, page)
    return Page(items=items, next=cursor)


@router.patch("/queue/{instance_id}", **does(Action.QUEUE_MANAGE))
async def move_in_queue(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, body: QueueMove
) -> QueueEntryView:
    """Give one who waits another priority or another place of its workspace."""
    return await desk.move(control, caller, instance_id, body)


@router.delete("/queue/{instance_id}", status_code=204, **does(Action.QUEUE_MANAGE))
async def cancel_in_queue(control: ControlDep, caller: CallerDep, instance_id: InstanceId) -> None:
    """Take one out of the queue; its instance is stopped."""
    await desk.cancel(control, caller, instance_id)


def _tagged(response: Response, view: QuotaView) -> QuotaView:
    """With the tag of what somebody changes: what is used changes by itself."""
    tagged(response, quotas.as_given(view))
    return view
