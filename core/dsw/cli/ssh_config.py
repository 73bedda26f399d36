"""`dsw ssh-config`: the instances as hosts for everything that reads OpenSSH's configuration."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from dsw.cli import ssh_options
from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.output import console, errors
from dsw.cli.ssh_keys import own_key
from dsw.client import Client
from dsw.errors import Conflict, Invalid
from dsw.instances import InstanceView
from dsw.sharing import Access

OWN_FILE = "dsw_config"
INCLUDE = f"Include {OWN_FILE}"
HEAD = "# Written by `dsw ssh-config --write`, which replaces all of it.\n"
_INCLUDED = re.compile(rf'(?i)\s*include\s[^#]*\b{OWN_FILE}\b"?')
_BLOCK = re.compile(r"(?i)\s*(?:host|match)\b")


def ssh_config(
    instance: Annotated[
        list[str] | None,
        typer.Option("--instance", metavar="INSTANCE", help="Only this one; may be repeated."),
    ] = None,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="By the SSH gateway (ProxyJump).")
    ] = False,
    start: Annotated[
        bool, typer.Option("--start", help="Connecting starts a stopped instance.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write ~/.ssh/dsw_config and include it.")
    ] = False,
) -> None:
    """Print, or write, your instances as hosts of OpenSSH: NAME.dsw, NAME.OWNER.dsw if shared."""
    with client() as api:
        items = _chosen(api, instance)
        own_key(api)
        entries = _by_gateway(api, items) if gateway else _by_proxy(items, start)
    text = "\n\n".join([HEAD.strip(), *entries]) + "\n"
    if not write:
        console.print(text, end="", markup=False)
        return
    try:
        home = Path.home() / ".ssh"
        replace(home / OWN_FILE, text.encode())
        include(home / "config")
    except OSError as error:
        raise Invalid(f"{error.filename} cannot be written: {error.strerror}.") from error
    names = ", ".join(ssh_options.alias(item) for item in items) or "none"
    errors.print(f"Hosts in {home / OWN_FILE}: {names}.", markup=False)


def _chosen(api: Client, keys: list[str] | None) -> list[InstanceView]:
    """Those that are asked for, or all that one may enter."""
    if keys:
        return [find_instance(api, key) for key in keys]
    shared = [item for item in api.instances(shared=True) if item.access is Access.FULL]
    return [*api.instances(), *shared]


def _by_proxy(items: list[InstanceView], start: bool) -> list[str]:
    for item in items:
        ssh_options.remember(item)
    return [
        ssh_options.host_entry(ssh_options.alias(item), ssh_options.by_proxy(item, start))
        for item in items
    ]


def _by_gateway(api: Client, items: list[InstanceView]) -> list[str]:
    me = api.me()
    if me.ssh_gateway is None:
        raise Conflict("This workbench has no SSH gateway.", "Leave out --gateway.")
    for item in items:
        if item.ssh is None:
            errors.print(f"{item.name} is left out: it was not up yet.", markup=False)
        ssh_options.remember(item)
    known = [(ssh_options.alias(item), item) for item in items if item.ssh is not None]
    jump = ssh_options.to_gateway(me.ssh_gateway, me.name)
    return [
        ssh_options.host_entry(ssh_options.GATEWAY, jump),
        *(ssh_options.host_entry(name, ssh_options.by_gateway(item)) for name, item in known),
    ]


def include(config: Path) -> None:
    """Let OpenSSH's configuration include ours, above all hosts, where it does not already. What
    is there stays as it is, to the byte."""
    config = config.resolve()
    old = config.read_bytes() if config.exists() else b""
    for line in old.decode("utf-8", "surrogateescape").splitlines():
        if _BLOCK.match(line):
            break
        if _INCLUDED.match(line):
            return
    replace(config, f"{INCLUDE}\n".encode() + (b"\n" if old else b"") + old)


def replace(file: Path, content: bytes) -> None:
    """Write a file as a whole or not at all; for the user alone, unless it was for more."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
    aside.chmod(mode)
    aside.replace(file)
