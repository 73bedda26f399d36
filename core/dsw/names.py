"""Every name that leaves the database: ids, server names, container names, folders.

Each function that maps free text to a name is injective and gives a valid name for any text, so
two users or workspaces never share a container, a volume or a folder.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection
from typing import Literal

from dsw.errors import Invalid

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 12
SERVER_NAME_MAX = 30

Kind = Literal[
    "dsw",
    "img",
    "ds",
    "job",
    "snap",
    "ws",
    "cred",
    "code",
    "shr",
    "key",
    "xfer",
    "mnt",
    "upl",
    "warm",
]

SERVER_NAME = r"^[a-z](?:-?[a-z0-9])*$"
_SERVER_NAME = re.compile(SERVER_NAME)
_PLAIN_SLUG = re.compile(r"(?=.{1,39}\Z)[a-z0-9](?:-?[a-z0-9])*")
_OUTSIDE = re.compile(r"[^a-z0-9]+")


def new_id(kind: Kind, choice: Callable[[str], str] = secrets.choice) -> str:
    """A fresh id: the kind, a dash and 12 base32 characters (60 random bits)."""
    return f"{kind}-{''.join(choice(BASE32) for _ in range(ID_LENGTH))}"


def id_pattern(kind: Kind) -> str:
    """The regular expression that ids of this kind match, for closed schemas."""
    return rf"^{kind}-[a-z2-7]{{{ID_LENGTH}}}$"


def slug(text: str) -> str:
    """A folder or label name of at most 63 characters for any text, never one for two texts.

    A text that is itself a plain name of up to 39 characters without `--` stays as it is; any
    other gets what is readable of it plus `--` and 80 bits of its hash. The two forms cannot meet,
    because a plain name holds no `--`.
    """
    if _PLAIN_SLUG.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    tail = "".join(BASE32[byte & 31] for byte in digest[:16])
    readable = _OUTSIDE.sub("-", text.lower()).strip("-")[:30].strip("-") or "x"
    return f"{readable}--{tail}"


def host_label(user: str) -> str:
    """The DNS label of a user's own host, never one for two users.

    A plain name stays as it is. Anything else is its `slug` behind `u-`, which keeps `--` from the
    third and fourth place: there browsers would read an encoded name of another script.
    """
    name = slug(user)
    return f"u-{name}" if "--" in name else name


def check_server_name(name: str) -> str:
    """The name itself when the hub accepts it for a named server; `Invalid` otherwise."""
    if len(name) > SERVER_NAME_MAX or not _SERVER_NAME.fullmatch(name):
        shown = name if len(name) <= 40 else f"{name[:40]}..."
        raise Invalid(
            f"The name {shown!r} cannot be used.",
            f"A name has 1 to {SERVER_NAME_MAX} characters of a-z, 0-9 and single dashes, starts "
            "with a letter and does not end with a dash. Any other text belongs in display_name.",
        )
    return name


def server_name(display_name: str, taken: Collection[str]) -> str:
    """A free, valid server name that resembles the display name; `instance` where nothing does."""
    folded = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode()
    base = _OUTSIDE.sub("-", folded.lower()).strip("-")
    if not base or not base[0].isalpha():
        base = f"instance-{base}".strip("-")
    base = base[:SERVER_NAME_MAX].strip("-")
    name, number = base, 1
    while name in taken:
        number += 1
        suffix = f"-{number}"
        name = base[: SERVER_NAME_MAX - len(suffix)].strip("-") + suffix
    return name


def container_name(installation: str, object_id: str) -> str:
    """The engine's name of an object. Ids are never reused, so no two objects share one."""
    return f"dsw-{installation}-{object_id}"


def network_name(installation: str) -> str:
    """The network that this installation's instances are on."""
    return f"dsw-{installation}"


def image_tag(installation: str, snapshot_id: str) -> str:
    """The tag that keeps a snapshot's image from being pruned in the engine."""
    return f"dsw-{installation}/{snapshot_id}:latest"
