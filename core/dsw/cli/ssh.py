"""`dsw ssh` and `dsw ssh-proxy`: into an instance with the system's own SSH client."""

from __future__ import annotations

import os
import time
from typing import Annotated

import typer

from dsw import ssh_proxy
from dsw.cli import ssh_options
from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.progress import POLL_SECONDS, wait_for_instance
from dsw.cli.ssh_keys import own_key
from dsw.client import Client
from dsw.errors import Conflict
from dsw.instances import AT_REST, IS_UP, InstanceView

Key = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="Name, display name, OWNER/NAME or id.")
]
Start = Annotated[bool, typer.Option("--start", help="Start it if it is stopped.")]
START_SECONDS = 24 * 3600.0
"""For the queue, too."""
SSH_SECONDS = 30.0
"""For a server that has just come up to tell its host key."""
SOON = 3.0


def ssh(
    key: Key,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- SSH...", help="Behind --: options for ssh, and a command."),
    ] = None,
    start: Start = False,
) -> None:
    """Log in to an instance, run a command there, or forward ports."""
    with client() as api:
        instance = find_instance(api, key)
        own_key(api)
        instance = _up(api, instance, start)
    ssh_options.remember(instance)
    options = ssh_options.arguments(ssh_options.by_proxy(instance))
    try:
        os.execvp("ssh", ["ssh", *options, instance.id, *(words or [])])  # noqa: S606
    except FileNotFoundError as error:
        raise Conflict("There is no ssh here.", "Install OpenSSH's client.") from error


def proxy(
    key: Annotated[str, typer.Argument(metavar="INSTANCE", help="Name, OWNER/NAME or id.")],
    start: Start = False,
    known_hosts: Annotated[
        str, typer.Option(metavar="FILE", help="Keep the instance's host key there.")
    ] = "",
) -> None:
    """Carry an SSH connection over standard input and output: a ProxyCommand."""
    words = ["--start"] if start else []
    words += ["--known-hosts", known_hosts] if known_hosts else []
    raise typer.Exit(ssh_proxy.main([*words, "--", key]))


def _up(api: Client, instance: InstanceView, start: bool) -> InstanceView:
    """The instance once it is up and has told its host key."""
    seconds = SOON
    if instance.state not in IS_UP:
        if not start:
            raise Conflict(
                f"{instance.name} is {instance.state}.", "Start it too: dsw ssh --start INSTANCE"
            )
        if instance.state in AT_REST:
            instance = api.start_instance(instance.id)
        instance = wait_for_instance(api, instance, START_SECONDS)
        seconds = SSH_SECONDS
    deadline = time.monotonic() + seconds
    while instance.ssh is None:
        if time.monotonic() > deadline:
            raise Conflict(
                f"{instance.name} has no SSH server.", "Choose an image with one: dsw images list"
            )
        time.sleep(POLL_SECONDS)
        instance = api.instance(instance.id)
    return instance
