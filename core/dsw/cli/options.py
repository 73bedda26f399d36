"""Options and arguments that several commands share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

Workspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="DSW_WORKSPACE",
        show_envvar=False,
        help="Name or id. Default: $DSW_WORKSPACE, or the only one.",
    ),
]
OfWorkspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="DSW_WORKSPACE",
        show_envvar=False,
        help="Of this one only, by name or id. Default: $DSW_WORKSPACE, or all of yours.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait.")]
Priority = Annotated[
    int | None, typer.Option(min=1, max=9, help="1 to 9, as far as your role allows. Default: 5.")
]
NoQueue = Annotated[bool, typer.Option("--no-queue", help="Fail at once when it does not fit now.")]
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Since = Annotated[
    datetime | None,
    typer.Option(formats=FORMATS, metavar="DATE", help="From then on, such as 2026-01-31."),
]
Until = Annotated[
    datetime | None, typer.Option(formats=FORMATS, metavar="DATE", help="Up to then.")
]


def zoned(moment: datetime | None) -> datetime | None:
    """A moment that names no zone is of the local one."""
    return None if moment is None else moment.astimezone()
