"""`dsw members` and `dsw roles`: who is in a workspace, and what their roles allow."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_workspace
from dsw.cli.options import Workspace, Yes
from dsw.cli.output import AsJson, console, show, show_one, when
from dsw.client import Client
from dsw.errors import NotFound
from dsw.roles import Action
from dsw.workspaces import MemberPut, MemberView, RolePut

app = typer.Typer(help="The members of a workspace.", no_args_is_help=True)
roles_app = typer.Typer(help="The roles of a workspace.", no_args_is_help=True)

User = Annotated[str, typer.Argument(metavar="USER", help="User name.")]
RoleName = Annotated[str, typer.Argument(metavar="ROLE", help="Name of the role.")]


@app.command("list")
def list_(workspace: Workspace = None, as_json: AsJson = False) -> None:
    """List the members and their roles."""
    with client() as api:
        items = api.members(find_workspace(api, workspace).id)
    columns = {
        "NAME": lambda item: item.username,
        "ROLES": lambda item: ", ".join(item.roles),
        "BY GROUPS": lambda item: ", ".join(item.group_roles),
        "STATE": lambda item: "disabled" if item.disabled else "active",
        "ADDED": lambda item: when(item.added_at),
        "BY": lambda item: item.added_by,
    }
    show(items, columns, as_json, "Nobody is in this workspace.")


@app.command("set")
def set_(
    user: User,
    role: Annotated[list[str], typer.Option(help="A role; may be given several times.")],
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Add a member, or replace all roles of one."""
    with client() as api:
        place = find_workspace(api, workspace).id
        known = next((item for item in api.members(place) if item.username == user), None)
        body = MemberPut(roles=role, disabled=known is not None and known.disabled)
        item = api.put_member(place, user, body)
    show_one(item, as_json, _line(item))


@app.command()
def disable(user: User, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Take a member's access away within seconds; their roles and data stay."""
    _able(user, workspace, as_json, disabled=True)


@app.command()
def enable(user: User, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Give a disabled member access again."""
    _able(user, workspace, as_json, disabled=False)


@app.command()
def remove(user: User, workspace: Workspace = None, yes: Yes = False) -> None:
    """End a membership; the member's data stays."""
    with client() as api:
        place = find_workspace(api, workspace)
        if not yes:
            typer.confirm(f"Remove {user!r} from {place.name!r}?", abort=True)
        api.remove_member(place.id, user)
    console.print(f"{user} is no longer in {place.name}.", markup=False)


def _able(user: str, workspace: str | None, as_json: bool, disabled: bool) -> None:
    with client() as api:
        place = find_workspace(api, workspace)
        known = _member(api, place.id, user)
        item = api.put_member(place.id, user, MemberPut(roles=known.roles, disabled=disabled))
    show_one(item, as_json, _line(item))


def _member(api: Client, workspace_id: str, user: str) -> MemberView:
    items = api.members(workspace_id)
    for item in items:
        if item.username == user:
            return item
    known = ", ".join(item.username for item in items)
    raise NotFound(f"{user!r} is not in this workspace.", f"Its members: {known}.")


def _line(item: MemberView) -> str:
    roles = ", ".join(dict.fromkeys([*item.roles, *item.group_roles]))
    return f"{item.username}  {roles}{'  disabled' if item.disabled else ''}"


@roles_app.command("list")
def list_roles(workspace: Workspace = None, as_json: AsJson = False) -> None:
    """List the roles and what they allow."""
    with client() as api:
        items = api.roles(find_workspace(api, workspace).id)
    columns = {
        "NAME": lambda item: item.name,
        "KIND": lambda item: "built-in" if item.builtin else "custom",
        "DESCRIPTION": lambda item: item.description,
        "ACTIONS": lambda item: ", ".join(item.actions),
    }
    show(items, columns, as_json, "There are no roles.")


@roles_app.command("set")
def set_role(
    role: RoleName,
    action: Annotated[
        list[Action], typer.Option(metavar="ACTION", help="May be given several times.")
    ],
    description: Annotated[str, typer.Option(help="Who should have it.")] = "",
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a role out of actions, or replace one; `dsw roles list` shows the actions."""
    with client() as api:
        place = find_workspace(api, workspace).id
        item = api.put_role(place, role, RolePut(description=description, actions=action))
    show_one(item, as_json, f"{item.name}  {', '.join(item.actions)}")


@roles_app.command("delete")
def delete_role(role: RoleName, workspace: Workspace = None, yes: Yes = False) -> None:
    """Delete a role that nobody has."""
    with client() as api:
        place = find_workspace(api, workspace)
        if not yes:
            typer.confirm(f"Delete the role {role!r} of {place.name!r}?", abort=True)
        api.delete_role(place.id, role)
    console.print(f"The role {role} is deleted.", markup=False)
