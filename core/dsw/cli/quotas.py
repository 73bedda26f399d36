"""`dsw quotas`, `dsw groups`: what there is to run on, and how much of it a workspace may use."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.base import View
from dsw.cli.credentials import client
from dsw.cli.find import find_workspace
from dsw.cli.options import Workspace, Yes
from dsw.cli.output import AsJson, console, show
from dsw.cli.quota_edit import Scope, changed, parse_change
from dsw.quota import Band, Limits, Quota
from dsw.resources import QuotaView, ResourceGroupView
from dsw.units import format_size

app = typer.Typer(help="What a workspace may use of each resource group.", no_args_is_help=True)
groups_app = typer.Typer(help="Resource groups: what there is to run on.", no_args_is_help=True)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Name of the resource group.")]
OneGroup = Annotated[str | None, typer.Argument(metavar="GROUP", help="Default: all.")]


@groups_app.command("list")
def list_groups(as_json: AsJson = False) -> None:
    """List the resource groups with what is used and what is free."""
    with client() as api:
        items = api.resource_groups()
    columns = {
        "NAME": lambda item: item.name,
        "CPU": lambda item: _of(item, "cpu"),
        "MEMORY": lambda item: _of(item, "memory"),
        "GPUS": lambda item: "; ".join(f"{g.type}: {g.free} of {g.total} free" for g in item.gpus),
        "WAITING": lambda item: str(item.waiting),
        "SPECS": lambda item: ", ".join(item.specs),
        "DESCRIPTION": lambda item: item.description,
    }
    show(items, columns, as_json, "There are no resource groups.")


def _of(item: ResourceGroupView, resource: str) -> str:
    used, allowed = item.used.get(resource, 0), item.allowed.get(resource, 0)
    return f"{_amount(resource, used)} of {_amount(resource, allowed)}"


def _amount(resource: str, amount: float) -> str:
    return format_size(amount) if resource in ("memory", "storage") else f"{amount:g}"


class Row(View):
    """A line of the table: a group, whom limits are for, and the limits."""

    group: str
    scope: str
    cpu: str
    memory: str
    gpus: str
    instances: str
    storage: str = ""


@app.command("show")
def show_(group: OneGroup = None, workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show what a workspace may use, and uses."""
    with client() as api:
        items = api.quotas(find_workspace(api, workspace).id)
    items = [item for item in items if group in (None, item.resource_group)]
    _show(items, as_json)


@app.command("set")
def set_(
    group: Group,
    cpu: Annotated[str | None, typer.Option(help="Cores, or `none`: no limit.")] = None,
    memory: Annotated[str | None, typer.Option(help="Such as 64GiB, or `none`.")] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=N", help="GPUs of a type, or `*` for all types together."),
    ] = None,
    instances: Annotated[str | None, typer.Option(help="Running instances, or `none`.")] = None,
    storage: Annotated[str | None, typer.Option(help="Such as 1TiB, or `none`.")] = None,
    per_member: Annotated[
        bool, typer.Option("--per-member", help="These are limits of each member.")
    ] = False,
    member: Annotated[str | None, typer.Option(help="These are limits of this member.")] = None,
    role: Annotated[
        str | None, typer.Option(help="These are limits of each member with this role.")
    ] = None,
    band: Annotated[
        Band | None, typer.Option(help="These are limits of all with such a priority together.")
    ] = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Set limits; what is not given stays. `none` lifts a limit, 0 allows nothing."""
    scope = Scope(per_member=per_member, member=member, role=role, band=band)
    change = parse_change(cpu, memory, gpu or [], instances, storage)
    with client() as api:
        place = find_workspace(api, workspace).id
        given = group in {item.resource_group for item in api.quotas(place)}
        quota = api.quota(place, group).quota if given else Quota()
        item = api.put_quota(place, group, changed(quota, scope, change), if_unchanged=given)
    _show([item], as_json)


@app.command()
def remove(group: Group, workspace: Workspace = None, yes: Yes = False) -> None:
    """Let a workspace use nothing of a resource group any more; what runs goes on."""
    with client() as api:
        place = find_workspace(api, workspace)
        if not yes:
            typer.confirm(f"Remove the quota of {place.name!r} in {group!r}?", abort=True)
        api.delete_quota(place.id, group)
    console.print(f"{place.name} can use nothing of {group} any more.", markup=False)


def _show(items: list[QuotaView], as_json: bool) -> None:
    columns = {
        "GROUP": lambda row: row.group,
        "FOR": lambda row: row.scope,
        "CPU": lambda row: row.cpu,
        "MEMORY": lambda row: row.memory,
        "GPUS": lambda row: row.gpus,
        "INSTANCES": lambda row: row.instances,
        "STORAGE": lambda row: row.storage,
    }
    if as_json:
        show(items, {}, True, "")
        return
    rows = [row for item in items for row in _rows(item)]
    show(rows, columns, False, "This workspace has no quota here.")


def _rows(item: QuotaView) -> list[Row]:
    quota, group = item.quota, item.resource_group
    storage = _used(item.storage_used or 0, quota.storage, "storage")
    first = _row(group, "the workspace", quota.limits, item.used)
    scopes = [
        ("each member", quota.per_member),
        *((f"member {name}", limits) for name, limits in quota.members.items()),
        *((f"role {name}, each", limits) for name, limits in quota.per_role.items()),
        *((f"{band} priority", limits) for band, limits in quota.per_band.items()),
    ]
    caps = [_row(group, scope, limits, None) for scope, limits in scopes if limits != Limits()]
    return [first.model_copy(update={"storage": storage}), *caps]


def _row(group: str, scope: str, limits: Limits, used: dict[str, float] | None) -> Row:
    def cell(resource: str) -> str:
        allowed = getattr(limits, resource)
        if used is None:
            return "" if allowed is None else _amount(resource, allowed)
        return _used(used.get(resource, 0), allowed, resource)

    gpus = [
        f"{kind}: {count}" if used is None else f"{kind}: {used.get(f'gpu:{kind}', 0):g} of {count}"
        for kind, count in limits.gpus.items()
    ]
    return Row(
        group=group,
        scope=scope,
        cpu=cell("cpu"),
        memory=cell("memory"),
        gpus="; ".join(gpus),
        instances=cell("instances"),
    )


def _used(used: float, allowed: float | None, resource: str) -> str:
    if allowed is None:
        return f"{_amount(resource, used)}, no limit"
    return f"{_amount(resource, used)} of {_amount(resource, allowed)}"
