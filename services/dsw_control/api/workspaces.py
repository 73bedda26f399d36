"""Routes of workspaces, their members and their roles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from dsw.roles import ROLE_NAME, Action
from dsw.workspaces import (
    MemberPut,
    MemberView,
    RegistryPut,
    RolePut,
    RoleView,
    WorkspaceChange,
    WorkspaceCreate,
    WorkspaceView,
)
from dsw_control import workspace_registries
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.tenancy import administration, members, roles, workspaces

router = APIRouter(prefix="/workspaces", tags=["workspaces"])

Key = Annotated[str, Path(max_length=80, description="Id or name.")]
Username = Annotated[str, Path(max_length=255, description="As the hub knows it.")]
RoleName = Annotated[str, Path(pattern=ROLE_NAME)]


def _member(workspace: Key, username: Username) -> tuple[str, str]:
    return workspace, username


def _role(workspace: Key, role: RoleName) -> tuple[str, str]:
    return workspace, role


MemberKey = Annotated[tuple[str, str], Depends(_member)]
RoleKey = Annotated[tuple[str, str], Depends(_role)]


@router.get("", **does(Action.WORKSPACE_READ))
async def list_workspaces(
    control: ControlDep, caller: CallerDep, page: PageDep
) -> Page[WorkspaceView]:
    """The workspaces that you are a member of, by name; administrators see all."""
    items, cursor = await workspaces.list_workspaces(control, caller, page)
    return Page(items=items, next=cursor)


@router.post("", status_code=201, **does(Action.WORKSPACE_CREATE))
async def create_workspace(
    control: ControlDep,
    caller: CallerDep,
    body: WorkspaceCreate,
    once: OnceDep,
    response: Response,
) -> WorkspaceView:
    """Make a workspace; for platform administrators."""
    return tagged(response, await administration.create_workspace(control, caller, body, once))


@router.get("/{workspace}", **does(Action.WORKSPACE_READ))
async def get_workspace(
    control: ControlDep, caller: CallerDep, workspace: Key, response: Response
) -> WorkspaceView:
    """One workspace, and your roles in it."""
    return tagged(response, await workspaces.get_workspace(control, caller, workspace))


@router.patch("/{workspace}", **does(Action.WORKSPACE_CHANGE))
async def change_workspace(
    control: ControlDep,
    caller: CallerDep,
    workspace: Key,
    body: WorkspaceChange,
    response: Response,
    if_match: IfMatch = None,
) -> WorkspaceView:
    """Change texts or policy. `archived` is for platform administrators: nothing runs or changes
    in an archived workspace until it is opened again."""
    view = await administration.change_workspace(control, caller, workspace, body, if_match)
    return tagged(response, view)


@router.delete("/{workspace}", status_code=204, **does(Action.WORKSPACE_ARCHIVE))
async def delete_workspace(
    control: ControlDep, caller: CallerDep, workspace: Key, if_match: IfMatch = None
) -> None:
    """Delete an empty workspace; for platform administrators."""
    await administration.delete_workspace(control, caller, workspace, if_match)


@router.put("/{workspace}/registry", **does(Action.CREDENTIAL_MANAGE))
async def put_registry(
    control: ControlDep,
    caller: CallerDep,
    workspace: Key,
    body: RegistryPut,
    response: Response,
    if_match: IfMatch = None,
) -> WorkspaceView:
    """Put what is saved and imported from now on into a registry of the workspace's own; it is
    tried first. One on this machine is for platform administrators."""
    view = await workspace_registries.put_registry(control, caller, workspace, body, if_match)
    return tagged(response, view)


@router.delete("/{workspace}/registry", **does(Action.CREDENTIAL_MANAGE))
async def delete_registry(
    control: ControlDep,
    caller: CallerDep,
    workspace: Key,
    response: Response,
    if_match: IfMatch = None,
) -> WorkspaceView:
    """Put images where the installation puts them. Those in the workspace's registry stay."""
    view = await workspace_registries.delete_registry(control, caller, workspace, if_match)
    return tagged(response, view)


@router.get("/{workspace}/members", **does(Action.MEMBER_READ))
async def list_members(
    control: ControlDep, caller: CallerDep, workspace: Key, page: PageDep
) -> Page[MemberView]:
    """The members and their roles, by name."""
    items, cursor = await members.list_members(control, caller, workspace, page)
    return Page(items=items, next=cursor)


@router.put("/{workspace}/members/{username}", **does(Action.MEMBER_MANAGE))
async def put_member(
    control: ControlDep,
    caller: CallerDep,
    key: MemberKey,
    body: MemberPut,
    response: Response,
    if_match: IfMatch = None,
) -> MemberView:
    """Add a member, or set the roles of one in full. Nobody gives rights that they lack."""
    view = await members.put_member(control, caller, *key, body, if_match)
    return tagged(response, view)


@router.delete("/{workspace}/members/{username}", status_code=204, **does(Action.MEMBER_MANAGE))
async def remove_member(
    control: ControlDep, caller: CallerDep, key: MemberKey, if_match: IfMatch = None
) -> None:
    """End a membership. Access ends at once and instances end as the policy says; files stay."""
    await members.remove_member(control, caller, *key, if_match)


@router.get("/{workspace}/roles", **does(Action.MEMBER_READ))
async def list_roles(control: ControlDep, caller: CallerDep, workspace: Key) -> Page[RoleView]:
    """The roles that members can have, and what each allows."""
    return Page(items=await roles.list_roles(control, caller, workspace))


@router.put("/{workspace}/roles/{role}", **does(Action.ROLE_MANAGE))
async def put_role(
    control: ControlDep,
    caller: CallerDep,
    key: RoleKey,
    body: RolePut,
    response: Response,
    if_match: IfMatch = None,
) -> RoleView:
    """Make or change a role of this workspace's own."""
    return tagged(response, await roles.put_role(control, caller, *key, body, if_match))


@router.delete("/{workspace}/roles/{role}", status_code=204, **does(Action.ROLE_MANAGE))
async def delete_role(
    control: ControlDep, caller: CallerDep, key: RoleKey, if_match: IfMatch = None
) -> None:
    """Delete a role that no member has."""
    await roles.delete_role(control, caller, *key, if_match)
