"""`dsw images export` and `import`: images as files; what was cut off goes on where it was."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.progress import Progress

from dsw.cli.bars import COLUMNS, byte_bar
from dsw.cli.credentials import client
from dsw.cli.find import find_image, find_workspace
from dsw.cli.options import Workspace
from dsw.cli.output import AsJson, errors, show_one
from dsw.cli.pieces import send_piece
from dsw.cli.progress import GATEWAY, POLL_SECONDS, Patience
from dsw.client import Client
from dsw.errors import Conflict, Invalid, RemoteError, Unavailable
from dsw.transfers import ImageImport, TransferKind, TransferState, TransferView
from dsw.units import format_size

ENDED = frozenset({TransferState.READY, TransferState.FAILED, TransferState.CANCELLED})


def export(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Name or id.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    as_json: AsJson = False,
) -> None:
    """Write an image as an OCI archive; run again after a break, it goes on where it was."""
    with client() as api:
        item = _exported(api, find_image(api, image).id)
        part = output.with_name(f"{output.name}.{item.id}.part")
        try:
            with part.open("ab") as file, byte_bar() as progress:
                _fetch(api, item, file, progress)
            part.replace(output)
        except OSError as error:
            raise Invalid(f"{part} cannot be written: {error}.", "What came stays.") from error
    show_one(item, as_json, f"{item.name} is in {output} ({format_size(item.size or 0)}).")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of an export or docker save.")],
    name: Annotated[str, typer.Option(help="Its name in the catalog.")],
    tag: Annotated[str | None, typer.Option(help="A tag of the workspace for it.")] = None,
    description: Annotated[str, typer.Option(help="What is in it.")] = "",
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Bring an archive into the catalog; run again after a break, it goes on where it was."""
    try:
        with file.open("rb") as content, client() as api:
            body = ImageImport(
                workspace=find_workspace(api, workspace).id,
                name=name,
                description=description,
                tag=tag,
                size=file.stat().st_size,
            )
            with byte_bar() as progress:
                item = _sent(api, _announced(api, body), content, progress)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error}.") from error
    show_one(item, as_json, f"{item.name}  {item.image_id}")


def _exported(api: Client, image_id: str) -> TransferView:
    """An archive of the image: one that is there or under way, or else a new one."""
    for found in api.transfers():
        usable = found.state in (TransferState.WORKING, TransferState.READY)
        if found.kind is TransferKind.EXPORT and found.image_id == image_id and usable:
            return _made(api, found)
    return _made(api, api.export_image(image_id))


def _made(api: Client, item: TransferView) -> TransferView:
    """The archive, once it is made."""
    patience = Patience()
    with Progress(*COLUMNS, console=errors, transient=True) as progress:
        task = progress.add_task("Making", total=None)
        while item.state not in ENDED:
            time.sleep(POLL_SECONDS)
            item = patience.ask(partial(api.transfer, item.id), item)
            progress.update(task, completed=item.bytes_done, total=item.size)
    return _good(item)


def _fetch(api: Client, item: TransferView, file: BinaryIO, progress: Progress) -> None:
    """Append to the file what it lacks."""
    patience = Patience()
    task = progress.add_task("Fetching", total=item.size, completed=file.tell())
    while file.tell() < (item.size or 0):
        try:
            for piece in api.transfer_content(item.id, file.tell()):
                file.write(piece)
                progress.update(task, completed=file.tell())
        except (Unavailable, RemoteError) as error:
            if error.status not in GATEWAY:
                raise
            _good(patience.ask(partial(api.transfer, item.id), item))
    if file.tell() != item.size:
        raise Conflict(f"{file.name} is longer than the archive.", "Delete it and start again.")


def _announced(api: Client, body: ImageImport) -> TransferView:
    """The import of this file: one that was cut off, or else a new one."""
    for found in api.transfers():
        same = (found.workspace_id, found.name, found.size) == (
            body.workspace,
            body.name,
            body.size,
        )
        if found.kind is TransferKind.IMPORT and found.state is TransferState.RECEIVING and same:
            errors.print(f"Going on at {format_size(found.bytes_done)}.", markup=False)
            return found
    return api.import_image(body)


def _sent(api: Client, item: TransferView, file: BinaryIO, progress: Progress) -> TransferView:
    """The import, once all of the file is there and was looked at."""
    patience = Patience()
    task = progress.add_task("Sending", total=item.size, completed=item.bytes_done)
    while item.state not in ENDED:
        if item.state is TransferState.RECEIVING and item.bytes_done < (item.size or 0):
            item = patience.ask(partial(_send_piece, api, item, file), item)
        else:
            time.sleep(POLL_SECONDS)
            item = patience.ask(partial(api.transfer, item.id), item)
        what = "Sending" if item.state is TransferState.RECEIVING else "Checking"
        progress.update(task, description=what, completed=item.bytes_done)
    return _good(item)


def _send_piece(api: Client, item: TransferView, file: BinaryIO) -> TransferView:
    return send_piece(
        item,
        file,
        partial(api.send_content, item.id, item.bytes_done),
        partial(api.transfer, item.id),
    )


def _good(item: TransferView) -> TransferView:
    if item.state is not TransferState.READY:
        raise Conflict(f"The {item.kind} of {item.name} {item.state.lower()}.", item.message)
    return item


def install(app: typer.Typer) -> None:
    """Put these commands beside those of the catalog."""
    app.command("export")(export)
    app.command("import")(import_)
