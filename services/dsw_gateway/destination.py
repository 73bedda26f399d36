"""What a client may ask to be connected to: port 22 of something that is named as an instance."""

from __future__ import annotations

import re

from dsw.errors import Forbidden
from dsw.names import SERVER_NAME, SERVER_NAME_MAX, id_pattern

SSH_PORT = 22
OWNER_MAX = 255
_NAME = re.compile(SERVER_NAME)
_ID = re.compile(id_pattern("dsw"))
_HINT = (
    "The host is the name of an instance of yours, or the id of one that is shared with you "
    "(dsw-...), and the port is 22."
)


def instance_of(host: str, port: int) -> str:
    """The instance that a connection to `host:port` is meant for: an own name, an id, or
    `owner/name`. `Forbidden` for everything that cannot name one; nothing is looked up here."""
    if port != SSH_PORT:
        raise Forbidden(f"Port {port} cannot be reached through this gateway.", _HINT)
    owner, slash, name = host.rpartition("/")
    if slash and not (owner and len(owner) <= OWNER_MAX and "/" not in owner):
        raise _no_instance(host)
    if not slash and _ID.fullmatch(name):
        return host
    if len(name) > SERVER_NAME_MAX or not _NAME.fullmatch(name):
        raise _no_instance(host)
    return host


def _no_instance(host: str) -> Forbidden:
    return Forbidden(f"{host[:60]!r} is not the name of an instance.", _HINT)
