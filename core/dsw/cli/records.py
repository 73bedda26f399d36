"""`dsw usage` and `dsw audit`: what was used, and who did what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

import typer

from dsw.audit import AuditQuery, Outcome
from dsw.cli.credentials import client
from dsw.cli.find import find_workspace
from dsw.cli.options import OfWorkspace, Since, Until, zoned
from dsw.cli.output import AsJson, console, show, show_lines, show_one, when
from dsw.roles import Action
from dsw.units import format_size
from dsw.usage import FolderUse, StorageQuery, UsageBy, UsageQuery

AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]


def usage(
    by: Annotated[UsageBy, typer.Option(help="What the lines are for.")] = UsageBy.USER,
    user: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    group: Annotated[str | None, typer.Option(help="Of this resource group only.")] = None,
    since: Since = None,
    until: Until = None,
    workspace: OfWorkspace = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show the hours of CPU, memory and GPU that were used."""
    with client() as api:
        query = UsageQuery(
            by=by,
            workspace=workspace and find_workspace(api, workspace).id,
            user=user,
            resource_group=group,
            since=zoned(since),
            until=zoned(until),
        )
        if as_csv:
            show_lines(api.usage_csv(query))
            return
        report = api.usage(query)
    if as_json:
        show_one(report, True, "")
        return
    columns = {
        by.value.replace("_", " ").upper(): lambda line: line.key,
        "RUNS": lambda line: str(line.runs),
        "HOURS": lambda line: f"{line.hours:.1f}",
        "CPU-HOURS": lambda line: f"{line.cpu_hours:.1f}",
        "GIB-HOURS": lambda line: f"{line.memory_gib_hours:.1f}",
        "GPU-HOURS": lambda line: f"{line.gpu_hours:.1f}",
        "STORAGE": lambda line: "" if line.storage is None else format_size(line.storage),
    }
    console.print(f"{when(report.since)} to {when(report.until)}", markup=False)
    show(report.lines, columns, False, "Nothing was used.")


def storage(
    user: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Show what homes and shared folders hold, and how much they may hold."""
    with client() as api:
        found = workspace and find_workspace(api, workspace).id
        report = api.storage(StorageQuery(workspace=found, user=user))
    if as_json:
        show_one(report, True, "")
        return
    columns: dict[str, Callable[[FolderUse], str]] = {
        "WORKSPACE": lambda folder: folder.workspace,
        "OWNER": lambda folder: folder.owner or "(shared)",
        "PATH": lambda folder: folder.path,
        "USED": lambda folder: "" if folder.used is None else format_size(folder.used),
        "LIMIT": lambda folder: "" if folder.limit is None else format_size(folder.limit),
        "ENFORCED": lambda folder: "yes" if folder.enforced else "no" if folder.limit else "",
    }
    show(report.folders, columns, False, "No folder was measured yet.")
    if report.why_not and any(folder.limit is not None for folder in report.folders):
        console.print(f"Limits are not enforced: {report.why_not}.", markup=False)


def audit(
    actor: Annotated[str | None, typer.Option(help="What this user or instance did.")] = None,
    action: Annotated[
        Action | None, typer.Option(metavar="ACTION", help="Such as member.manage.")
    ] = None,
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="What was done to this.")
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="How it ended.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines, the newest.")] = 100,
    workspace: OfWorkspace = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show who did what, the newest first; what was refused is in it."""
    with client() as api:
        query = AuditQuery(
            workspace=workspace and find_workspace(api, workspace).id,
            actor=actor,
            action=action,
            object=object_id,
            outcome=outcome,
            since=zoned(since),
            until=zoned(until),
        )
        if as_csv:
            show_lines(api.audit_csv(query))
            return
        items = api.audit(query, limit)
    columns = {
        "TIME": lambda item: item.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        "ACTOR": lambda item: item.actor,
        "FOR": lambda item: item.on_behalf_of or "",
        "ACTION": lambda item: item.action,
        "OBJECT": lambda item: item.object_id,
        "OUTCOME": lambda item: f"{item.outcome} {item.code}".strip(),
        "DETAIL": lambda item: json.dumps(item.detail) if item.detail else "",
    }
    show(items, columns, as_json, "There is nothing in the log.")
