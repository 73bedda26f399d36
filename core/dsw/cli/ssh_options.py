"""What OpenSSH's client must be told to reach an instance, and how that is written for it.

Host keys come from control and are kept in a file for each host: nothing is trusted because it was
there first, and no two commands that run at once write to one file.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from dsw import ssh_proxy
from dsw.cli import credentials
from dsw.errors import Conflict, Invalid
from dsw.instances import InstanceView
from dsw.names import slug
from dsw.workspaces import SshGateway

USER = "dsw"
"""Whom to log in as, where the instance has not told yet."""
GATEWAY = "dsw-gateway"
DOMAIN = "dsw"
_UNWRITABLE = re.compile(r'[\x00-\x1f\x7f"\\]|\$\{')
_USER_NAME = re.compile(r"[\w][\w.+@-]*")

Options = Mapping[str, str]


def folder() -> Path:
    """Where this computer's key and the host keys are."""
    return credentials.path().parent / "ssh"


def key_file() -> Path:
    """This computer's private key."""
    return folder() / "id_ed25519"


def by_proxy(instance: InstanceView, start: bool = False) -> Options:
    """Options for the road through the workbench's own address."""
    words = [sys.executable, "-IS", str(Path(ssh_proxy.__file__).resolve())]
    words += ["--start"] if start else []
    words += ["--known-hosts", str(_known_hosts(instance.id)), instance.id]
    # ssh expands % itself, then hands the line to the user's shell.
    command = shlex.join(words).replace("%", "%%")
    return {**_of(instance), "ProxyCommand": command}


def by_gateway(instance: InstanceView) -> Options:
    """Options for the road through the SSH gateway, whose own are `to_gateway`."""
    return {"HostName": instance.id, **_of(instance), "ProxyJump": GATEWAY}


def to_gateway(gateway: SshGateway, user_name: str) -> Options:
    """Options for the gateway itself, where one is whoever one is at the hub."""
    if gateway.host_key is None:
        raise Conflict("The SSH gateway has not come up yet.", "Try again in a moment.")
    if not _USER_NAME.fullmatch(user_name):
        raise Invalid(
            f"OpenSSH's configuration cannot hold the user name {user_name!r}.",
            "Leave out --gateway.",
        )
    host, _, port = gateway.address.partition(":")
    _remember(GATEWAY, gateway.host_key)
    return {"HostName": host, "Port": port or "22", "User": user_name, **_trust(GATEWAY)}


def remember(instance: InstanceView) -> None:
    """Keep the instance's host key, as control knows it, if it does."""
    if instance.ssh is not None:
        _remember(instance.id, instance.ssh.host_key)


def alias(instance: InstanceView) -> str:
    """The host's name in the configuration: `NAME.dsw`, or `NAME.OWNER.dsw` of a shared one."""
    owner = "" if instance.access is None else f"{slug(instance.owner)}."
    return f"{instance.name}.{owner}{DOMAIN}"


def arguments(options: Options) -> list[str]:
    """For the command line."""
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def host_entry(name: str, options: Options) -> str:
    """For a configuration file."""
    return "\n".join([f"Host {name}", *(f"    {key} {value}" for key, value in options.items())])


def quoted(path: Path) -> str:
    """A path as a value of OpenSSH's configuration; `Invalid` for one that it cannot hold."""
    if _UNWRITABLE.search(str(path)):
        raise Invalid(
            f"OpenSSH's configuration cannot hold the path {str(path)!r}.",
            "Let XDG_CONFIG_HOME name another folder.",
        )
    return '"' + str(path).replace("%", "%%") + '"'


def _of(instance: InstanceView) -> Options:
    user = instance.ssh.user if instance.ssh else USER
    return {"User": user, **_trust(instance.id)}


def _trust(name: str) -> Options:
    return {
        "HostKeyAlias": name,
        "UserKnownHostsFile": quoted(_known_hosts(name)),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "IdentityFile": quoted(key_file()),
        "IdentitiesOnly": "yes",
        # So that one whose network is gone does not wait for ever.
        "ServerAliveInterval": "30",
        "ServerAliveCountMax": "4",
    }


def _remember(name: str, host_key: str) -> None:
    try:
        ssh_proxy.remember_host(_known_hosts(name), name, {"host_key": host_key})
    except ssh_proxy.Refused as refusal:
        raise Invalid(str(refusal)) from refusal


def _known_hosts(name: str) -> Path:
    return folder() / "hosts" / name
