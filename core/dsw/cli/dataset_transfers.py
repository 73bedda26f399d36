"""`dsw datasets upload` and `download`: what was cut off goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

import typer
from rich.progress import Progress

from dsw.cli.bars import byte_bar
from dsw.cli.credentials import client
from dsw.cli.dataset_files import FilePath, Key, Version
from dsw.cli.find import find_dataset
from dsw.cli.options import OfWorkspace
from dsw.cli.output import AsJson, clean, console, errors, show
from dsw.cli.pieces import send_piece
from dsw.cli.progress import GATEWAY, POLL_SECONDS, Patience
from dsw.client import Client
from dsw.client.transport import FileFacts
from dsw.datasets import DatasetView, UploadCreate, UploadState, UploadView
from dsw.errors import Conflict, Invalid, RemoteError, Unavailable
from dsw.units import format_size

ENDED = frozenset({UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED})
TRIES = 20
"""So often in a row nothing more may come of a file that the workbench says it has."""


def upload(
    dataset: Key,
    local: Annotated[list[Path], typer.Argument(metavar="FILE...", help="On this computer.")],
    to: Annotated[str, typer.Option(metavar="FOLDER", help="In the dataset.")] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="In place of a file that is there.")
    ] = False,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Send files into a dataset; run again after a break, it goes on where it was."""
    for file in local:
        if not file.is_file():
            raise Invalid(f"{file} is not a file.", "Name files, not folders.")
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        items = [_upload(api, found, file, to, overwrite) for file in local]
    if as_json:
        show(items, {}, True, "")
        return
    for item in items:
        console.print(f"{item.path} is in {found.name} ({format_size(item.size)}).", markup=False)


def download(
    dataset: Key,
    path: FilePath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: its name.")
    ] = None,
    version: Version = None,
    workspace: OfWorkspace = None,
) -> None:
    """Fetch a file; run again after a break, it goes on where it was."""
    target = output or Path(PurePosixPath(path).name)
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        number = version or found.version
        look = partial(api.file_facts, found.id, path, number)
        facts = look()
        part = target.with_name(f"{target.name}.{_mark(found, number, path, facts)}.part")
        content = partial(api.file_content, found.id, path, version=number, tag=facts.tag)
        try:
            with part.open("ab") as file, byte_bar() as progress:
                _fetch(content, look, facts, file, progress)
            part.replace(target)
        except OSError as error:
            raise Invalid(f"{part} cannot be written: {error}.", "What came stays.") from error
    console.print(f"{path} is in {target} ({format_size(facts.size)}).", markup=False)


def _upload(api: Client, found: DatasetView, file: Path, to: str, overwrite: bool) -> UploadView:
    path = str(PurePosixPath(to) / file.name) if to else file.name
    try:
        with file.open("rb") as content, byte_bar() as progress:
            body = UploadCreate(path=path, size=file.stat().st_size, overwrite=overwrite)
            return _sent(api, _announced(api, found, body), content, progress)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error}.") from error


def _announced(api: Client, found: DatasetView, body: UploadCreate) -> UploadView:
    """The upload of this file: one that was cut off, or else a new one."""
    for item in api.uploads():
        same = (item.dataset_id, item.path, item.size) == (found.id, body.path, body.size)
        if same and item.state is UploadState.RECEIVING:
            errors.print(f"Going on at {format_size(item.bytes_done)}.", markup=False)
            return item
    return api.create_upload(found.id, body)


def _sent(api: Client, item: UploadView, file: BinaryIO, progress: Progress) -> UploadView:
    """The upload, once the file is where it belongs."""
    patience = Patience()
    task = progress.add_task(clean(item.path), total=item.size, completed=item.bytes_done)
    while item.state not in ENDED:
        look = partial(api.upload, item.id)
        # An empty file is sent, too: as one piece of nothing.
        missing = item.bytes_done < item.size or not item.size
        if item.state is UploadState.RECEIVING and missing:
            send = partial(api.send_upload, item.id, item.bytes_done)
            item = patience.ask(partial(send_piece, item, file, send, look), item)
        else:
            time.sleep(POLL_SECONDS)
            item = patience.ask(look, item)
        progress.update(task, completed=item.bytes_done)
    if item.state is not UploadState.DONE:
        raise Conflict(f"The upload of {item.path} {item.state.lower()}.", item.message)
    return item


def _fetch(
    content: Callable[[int], Iterator[bytes]],
    look: Callable[[], FileFacts],
    facts: FileFacts,
    file: BinaryIO,
    progress: Progress,
) -> None:
    """Append to the file what it lacks."""
    patience = Patience()
    task = progress.add_task(clean(file.name), total=facts.size, completed=file.tell())
    tries = 0
    while file.tell() < facts.size:
        before = file.tell()
        try:
            for piece in content(file.tell()):
                file.write(piece)
                progress.update(task, completed=file.tell())
        except (Unavailable, RemoteError) as error:
            tries = tries + 1 if file.tell() == before else 0
            if error.status not in GATEWAY or tries == TRIES:
                raise
            if patience.ask(look, facts) != facts:
                raise Conflict("The file has changed meanwhile.", "Fetch it again.") from error
    if file.tell() != facts.size:
        raise Conflict(f"{file.name} is longer than the file.", "Delete it and start again.")


def _mark(found: DatasetView, version: int, path: str, facts: FileFacts) -> str:
    """The same for the same content only: what is half here is gone on with, or left alone."""
    text = f"{found.id} {version} {facts.size} {facts.tag} {path}"
    return sha256(text.encode()).hexdigest()[:12]


def install(app: typer.Typer) -> None:
    """Put these commands beside those of the catalog."""
    for name, command in (("upload", upload), ("download", download)):
        app.command(name)(command)
