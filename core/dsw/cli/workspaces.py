"""`dsw workspaces`: make, change, archive and delete workspaces."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from dsw.cli import registries
from dsw.cli.credentials import client
from dsw.cli.find import find_workspace
from dsw.cli.options import Yes
from dsw.cli.output import AsJson, console, show, show_fields, show_one, when
from dsw.client import Client
from dsw.workspaces import Policy, WorkspaceChange, WorkspaceCreate, WorkspaceView

app = typer.Typer(help="Workspaces: what a team shares.", no_args_is_help=True)
app.add_typer(registries.app, name="registry")

Name = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Name or id.")]
OneName = Annotated[
    str | None,
    typer.Argument(
        metavar="WORKSPACE",
        envvar="DSW_WORKSPACE",
        show_envvar=False,
        help="Default: the only one.",
    ),
]
Title = Annotated[str | None, typer.Option(help="Its title, in any script.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List your workspaces."""
    with client() as api:
        items = api.workspaces()
    columns = {
        "NAME": lambda item: item.name,
        "TITLE": lambda item: item.display_name,
        "YOUR ROLES": lambda item: ", ".join(item.roles),
        "MEMBERS": lambda item: str(item.members),
        "STATE": _state,
        "CREATED": lambda item: when(item.created_at),
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "You are in no workspace. Ask an admin of one to add you.")


@app.command("show")
def show_(workspace: OneName = None, as_json: AsJson = False) -> None:
    """Show a workspace, its policy, and what you may do in it."""
    with client() as api:
        item = find_workspace(api, workspace)
    fields = {
        "name": item.name,
        "title": item.display_name,
        "description": item.description,
        "id": item.id,
        "state": _state(item),
        "created": when(item.created_at),
        "members": str(item.members),
        "registry": f"{item.registry.address}/{item.registry.repository}" if item.registry else "",
        "your roles": ", ".join(item.roles),
        "you may": ", ".join(item.actions),
        **_policy(item.policy),
    }
    show_fields(item, as_json, fields)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="In URLs and commands; fixed.")],
    display_name: Title = None,
    description: Description = None,
    owner: Annotated[str | None, typer.Option(help="Its first owner. Default: you.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a workspace; for platform administrators."""
    body = WorkspaceCreate(
        name=name, display_name=display_name or "", description=description or "", owner=owner
    )
    with client() as api:
        item = api.create_workspace(body)
    show_one(item, as_json, f"{item.name} is made ({item.id}).")


@app.command()
def change(
    workspace: Name,
    display_name: Title = None,
    description: Description = None,
    sudo: Annotated[
        bool | None, typer.Option("--sudo/--no-sudo", help="Whether instances have sudo.")
    ] = None,
    max_run_minutes: Annotated[
        int | None, typer.Option(min=0, help="When a run is ended. 0: never.")
    ] = None,
    on_removal: Annotated[
        Literal["stop", "delete"] | None,
        typer.Option(help="What becomes of the instances of a member who leaves."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change title, description or policy; all of a policy is in reach of `dsw apply`."""
    asked = {"sudo": sudo, "max_run_minutes": max_run_minutes, "on_removal": on_removal}
    update = {key: value for key, value in asked.items() if value is not None}
    with client() as api:
        policy = None
        if update:
            policy = api.workspace(workspace).policy.model_copy(update=update)
        body = WorkspaceChange(display_name=display_name, description=description, policy=policy)
        item = api.change_workspace(workspace, body, if_unchanged=True)
    show_one(item, as_json, f"{item.name} is changed.")


@app.command()
def archive(workspace: Name, yes: Yes = False) -> None:
    """Make a workspace read-only; nothing of it is deleted."""
    with client() as api:
        if not yes:
            typer.confirm(f"Archive {workspace!r}? Nothing in it can be started then.", abort=True)
        _archive(api, workspace, True)
    console.print(f"{workspace} is archived.", markup=False)


@app.command()
def unarchive(workspace: Name) -> None:
    """Take a workspace out of the archive."""
    with client() as api:
        _archive(api, workspace, False)
    console.print(f"{workspace} can be used again.", markup=False)


@app.command()
def delete(workspace: Name, yes: Yes = False) -> None:
    """Delete an empty workspace."""
    with client() as api:
        item = api.workspace(workspace)
        if not yes:
            typer.confirm(f"Delete the workspace {item.name!r} ({item.id})?", abort=True)
        api.delete_workspace(item.id)
    console.print(f"{item.name} is deleted.", markup=False)


def _archive(api: Client, workspace: str, archived: bool) -> None:
    api.change_workspace(workspace, WorkspaceChange(archived=archived))


def _state(item: WorkspaceView) -> str:
    return "archived" if item.archived_at else "active"


def _policy(policy: Policy) -> dict[str, str]:
    idle, saving = policy.idle, policy.snapshots
    return {
        "images": ", ".join(policy.images) or "all",
        "sudo": "yes" if policy.sudo else "no",
        "specs": "; ".join(
            f"{role}: {', '.join(names) or 'none'}" for role, names in policy.specs.items()
        )
        or "all",
        "priority up to": ", ".join(
            f"{role} {highest}" for role, highest in policy.max_priority.items()
        ),
        "longest run": f"{policy.max_run_minutes} min" if policy.max_run_minutes else "no limit",
        "idle": f"after {idle.minutes} min below {idle.cpu_percent:g} % CPU and "
        f"{idle.gpu_percent:g} % GPU"
        if idle.minutes
        else "never",
        "not saved": ", ".join(saving.exclude),
        "secrets": "end a saving" if saving.secrets == "block" else "are reported",
        "kept of stops": str(saving.keep_last or "all images"),
        "lost dataset": "ends a start" if policy.data.unreachable == "fail" else "comes later",
        "on removal": f"{policy.on_removal} a former member's instances",
    }
