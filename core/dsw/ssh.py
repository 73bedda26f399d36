"""SSH to an instance: public keys, tickets, and what gateway and instance ask of control.

Neither road hands a token of the user's to the instance, whose owner may be somebody else: both
show it a ticket, which is good for this one instance's SSH and for a minute.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from dsw.base import Model, View
from dsw.errors import Invalid
from dsw.instances import InstanceState, SshHost

SSH_PATH = "dsw/ssh"
"""Below an instance's URL: a websocket whose binary messages are one SSH connection."""

TICKET_HEADER = "X-DSW-Ticket"

TICKET_SECONDS = 60
"""How long a ticket opens a connection; an open one lasts as long as its user may enter."""

KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
RSA_MIN_BITS, RSA_MAX_BITS = 2048, 16_384
PUBLIC_KEY_MAX = 16_384


@dataclass(frozen=True)
class PublicKey:
    """A public key without its options: its type, its bytes and the comment behind them."""

    kind: str
    blob: bytes
    comment: str = ""

    @property
    def line(self) -> str:
        """As in an `authorized_keys` file, without the comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: `SHA256:` and 43 characters."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"


def public_key(text: str) -> PublicKey:
    """The key in one line of OpenSSH's format (RFC 4253, 6.6); `Invalid` with what is wrong."""
    lines = text.strip().splitlines()
    _check_is_public(lines)
    kind, encoded, comment = [*lines[0].split(maxsplit=2), "", ""][:3]
    if kind not in KEY_TYPES:
        raise Invalid(
            f"{kind[:40]!r} is not a type of key that can be used.",
            f"Allowed: {', '.join(KEY_TYPES)}. Make one with: ssh-keygen -t ed25519",
        )
    try:
        blob = base64.b64decode(encoded, validate=True)
        fields = _fields(blob)
    except (binascii.Error, struct.error, ValueError):
        fields = []
    if not fields or fields[0] != kind.encode() or not _fits(kind, fields[1:]):
        raise Invalid("The public key is damaged.", "Copy the whole line of the .pub file.")
    if kind == "ssh-rsa" and not RSA_MIN_BITS <= _bits(fields[2]) <= RSA_MAX_BITS:
        raise Invalid(
            f"An RSA key needs {RSA_MIN_BITS} to {RSA_MAX_BITS} bits.",
            "Make another one with: ssh-keygen -t ed25519",
        )
    return PublicKey(kind, blob, comment)


def _check_is_public(lines: list[str]) -> None:
    first = lines[0] if lines else ""
    if "PRIVATE KEY" in first or first.startswith("PuTTY-User-Key-File"):
        raise Invalid(
            "This is a private key. Keep it to yourself.", "Send the file ending in .pub."
        )
    if first.startswith("----"):
        raise Invalid(
            "This public key is not in OpenSSH's format.",
            "Turn it into one line with: ssh-keygen -i -f FILE",
        )
    if len(lines) != 1:
        raise Invalid("A public key is one line.", "Send the content of one file ending in .pub.")


def _fits(kind: str, fields: list[bytes]) -> bool:
    """Whether what follows the type is what OpenSSH reads for it, no more and no less."""
    if kind.startswith("sk-"):
        # The last is the application that the token made it for, such as `ssh:`.
        *fields, application = fields or [b""]
        if not application:
            return False
    if kind == "ssh-rsa":
        return len(fields) == 2 and all(map(_positive, fields)) and _number(fields[0]) >= 3
    if "ed25519" in kind:
        return [len(field) for field in fields] == [32]
    if len(fields) != 2 or fields[0] not in _POINT_BYTES:
        return False
    curve, point = fields
    size = _POINT_BYTES[curve]
    return curve.decode() in kind and len(point) == size and point.startswith(b"\x04")


_POINT_BYTES = {b"nistp256": 65, b"nistp384": 97, b"nistp521": 133}
"""By curve: the length of an uncompressed point, the only form that OpenSSH takes."""


def _positive(mpint: bytes) -> bool:
    """Whether this is a number above zero in its shortest form (RFC 4251, 5)."""
    if not mpint or mpint[0] & 0x80:
        return False
    return mpint[0] != 0 or (len(mpint) > 1 and bool(mpint[1] & 0x80))


def _number(mpint: bytes) -> int:
    return int.from_bytes(mpint, "big")


def _bits(mpint: bytes) -> int:
    return _number(mpint).bit_length()


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed strings that a key consists of."""
    fields, at = [], 0
    while at < len(blob):
        (length,) = struct.unpack_from(">I", blob, at)
        at += 4
        if at + length > len(blob):
            raise ValueError("a field is cut")
        fields.append(blob[at : at + length])
        at += length
    return fields


class SshKeyAdd(Model):
    """A public key of the caller's. Without a title it gets the key's own comment."""

    title: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    public_key: str = Field(min_length=1, max_length=PUBLIC_KEY_MAX)


class SshKeyView(View):
    """A registered public key; `kind` is its type, `public_key` the line without a comment."""

    id: str
    title: str
    kind: str
    public_key: str
    fingerprint: str
    created_at: datetime
    last_used_at: datetime | None = None


class SshTicketAsk(Model):
    """Enter an instance: its id, the name of one's own, or `owner/name` of a shared one.

    `start`: start it when it is stopped. Until the answer holds a ticket one asks again, without
    `start` once it is on its way: who stops it meanwhile has the last word.
    """

    instance: str = Field(min_length=1, max_length=300)
    start: bool = False


class SshTicketView(View):
    """The instance, and a ticket once it is up.

    `url` is where its server is, absolute or a path below the hub's public address. `message` says
    what it waits for meanwhile.
    """

    instance_id: str
    name: str
    owner: str
    display_name: str
    state: InstanceState
    message: str = ""
    percent: float | None = None
    url: str
    host: SshHost | None = None
    ticket: str | None = Field(default=None, repr=False)


class SshEntryAsk(Model):
    """An instance's server shows the ticket that somebody came with."""

    ticket: str = Field(min_length=1, max_length=2000, repr=False)


class SshEntry(View):
    """Whose ticket it is, and the public keys they may log in with, a line each."""

    user: str
    keys: list[str]


class SshEntrants(View):
    """Who may enter an instance by SSH now, with their keys. For its own server."""

    keys: dict[str, list[str]]


class GatewayUser(Model):
    """Somebody at the gateway, who has proved to hold this key (a line without a comment)."""

    username: str = Field(min_length=1, max_length=255)
    public_key: str = Field(min_length=1, max_length=PUBLIC_KEY_MAX)


class GatewayTicketAsk(SshTicketAsk, GatewayUser):
    """The gateway asks for a ticket in the name of somebody with a key."""
