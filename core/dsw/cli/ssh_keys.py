"""`dsw ssh-keys`: one's public keys in the workbench, and the key that this computer has."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from dsw.cli import ssh_options
from dsw.cli.credentials import client
from dsw.cli.options import Yes
from dsw.cli.output import AsJson, console, errors, show, show_one, when
from dsw.client import Client
from dsw.errors import Conflict, Invalid, NotFound
from dsw.ssh import SshKeyAdd, SshKeyView, public_key

app = typer.Typer(help="Your public keys for SSH.", no_args_is_help=True)

STDIN = "-"


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List your registered public keys."""
    with client() as api:
        items = api.ssh_keys()
    columns = {
        "TITLE": lambda item: item.title,
        "TYPE": lambda item: item.kind,
        "FINGERPRINT": lambda item: item.fingerprint,
        "ADDED": lambda item: when(item.created_at),
        "LAST USED": lambda item: when(item.last_used_at),
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "No keys are registered. Add one: dsw ssh-keys add")


@app.command()
def add(
    file: Annotated[
        str, typer.Argument(help="A public key (.pub); `-`: standard input. Default: dsw's own.")
    ] = "",
    title: Annotated[str, typer.Option(help="Default: the key's comment.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a public key; without a file the one that dsw made for this computer."""
    line = _read(file) if file else _own_line()
    with client() as api:
        item = api.add_ssh_key(SshKeyAdd(title=title, public_key=line))
    show_one(item, as_json, f"{item.title} is registered ({item.fingerprint}).")


@app.command()
def remove(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Title, fingerprint or id.")],
    yes: Yes = False,
) -> None:
    """Forget a public key; sessions that it opened end within seconds."""
    with client() as api:
        item = _find(api.ssh_keys(), key)
        if not yes:
            typer.confirm(f"Forget the key {item.title!r} ({item.fingerprint})?", abort=True)
        api.remove_ssh_key(item.id)
    console.print(f"{item.title} is forgotten.", markup=False)


def own_key(api: Client) -> None:
    """This computer has a key that is registered: made at the first use, and never brought back
    unasked, for somebody may have removed it on purpose."""
    if not ssh_options.key_file().exists():
        item = api.add_ssh_key(SshKeyAdd(title="", public_key=_own_line()))
        errors.print(f"Registered this computer's new SSH key as {item.title!r}.", markup=False)
        return
    line = _own_line()
    own = public_key(line).fingerprint
    if any(item.fingerprint == own for item in api.ssh_keys()):
        return
    question = f"This computer's SSH key is not registered at {api.url}."
    if not sys.stdin.isatty():
        raise Conflict(question, "Run: dsw ssh-keys add")
    typer.confirm(f"{question} Register it?", abort=True, err=True)
    api.add_ssh_key(SshKeyAdd(title="", public_key=line))


def _own_line() -> str:
    """The public part of this computer's key, which is made if there is none."""
    file = ssh_options.key_file()
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        comment = f"dsw on {socket.gethostname()}"[:100]
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)]
        try:
            subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise Conflict("There is no ssh-keygen here.", "Install OpenSSH's client.") from error
        except subprocess.CalledProcessError as error:
            raise Conflict(f"ssh-keygen failed: {error.stderr.decode().strip()}") from error
    return _read(f"{file}.pub")


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The public key cannot be read from {file}: {error}.") from error
    # Said before anything is sent: it may be a private one.
    public_key(text)
    return text.strip()


def _find(items: list[SshKeyView], key: str) -> SshKeyView:
    found = [item for item in items if key in (item.id, item.fingerprint)]
    found = found or [item for item in items if item.title == key]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(item.id for item in found)
        raise Invalid(f"Several keys are called {key!r}.", f"Use one of the ids: {ids}.")
    known = ", ".join(item.title for item in items) or "none"
    raise NotFound(f"You have no key {key!r}.", f"Yours: {known}.")
