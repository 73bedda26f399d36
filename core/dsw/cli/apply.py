"""`dsw apply` and `dsw export`: workspaces as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_workspace
from dsw.cli.output import console, errors
from dsw.client import Client
from dsw.client.applying import Applier
from dsw.client.workspace_state import read_state
from dsw.errors import DswError, Invalid
from dsw.manifest.diff import Part, Step, diff
from dsw.manifest.document import WorkspaceDocument
from dsw.manifest.read import read
from dsw.manifest.state import nothing, wanted
from dsw.manifest.write import write

STDIN = "-"
COLORS = {"+": "green", "~": "yellow", "-": "red"}


def apply(
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="YAML; `-`: standard input.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes only.")] = False,
) -> None:
    """Make workspaces what a file says: shows what changes, asks, and does it."""
    documents = read(_text(file), "standard input" if file == STDIN else file)
    with client() as api:
        me = api.me().name
        plans = [(document, _plan(api, document, me)) for document in documents]
        count = sum(len(steps) for _, steps in plans)
        for document, steps in plans:
            console.print(f"{document.name}: {_number(len(steps))}", markup=False)
            for step in steps:
                _show(step)
        if count == 0 or dry_run:
            return
        if not yes:
            _ask(count)
        for document, steps in plans:
            _do(api, document, steps, me)
    console.print("Done.")


def export(
    workspace: Annotated[
        str | None,
        typer.Argument(
            metavar="WORKSPACE",
            envvar="DSW_WORKSPACE",
            show_envvar=False,
            help="Name or id. Default: the only one.",
        ),
    ] = None,
) -> None:
    """Write a workspace as the file that describes it; applied, it changes nothing."""
    with client() as api:
        state = read_state(api, find_workspace(api, workspace).name)
    if state is not None:
        sys.stdout.write(write(state))


def _text(file: str) -> str:
    if file == STDIN:
        return sys.stdin.read()
    try:
        return Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read: {error}.") from error


def _plan(api: Client, document: WorkspaceDocument, me: str) -> list[Step]:
    current = read_state(api, document.name)
    return diff(current, wanted(current or nothing(document.name), document), me)


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        raise Invalid(
            "Nothing is changed: this is not a terminal that could be asked.", "Give --yes."
        )
    typer.confirm(f"Make {_number(count)}?", abort=True)


def _do(api: Client, document: WorkspaceDocument, steps: list[Step], me: str) -> None:
    applier = Applier(api, document)
    if steps and steps[0].part is Part.WORKSPACE and steps[0].before is None:
        # A new workspace has quotas and a first owner: what is left to do is seen when it is there.
        applier.do(steps[0])
        steps = _plan(api, document, me)
    for step in steps:
        try:
            applier.do(step)
        except DswError:
            errors.print(f"{document.name}: stopped at: {step.sign} {step.text}", markup=False)
            errors.print("What was done before stays; run it again to go on.", markup=False)
            raise


def _show(step: Step) -> None:
    console.print(f"  {step.sign} {step.text}", style=COLORS[step.sign], markup=False)


def _number(count: int) -> str:
    return "no change" if count == 0 else f"{count} change{'' if count == 1 else 's'}"
