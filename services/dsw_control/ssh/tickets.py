"""Tickets: sealed by control, so that it need not remember them, for one instance and one user."""

from __future__ import annotations

import base64
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from dsw.base import Model
from dsw.ssh import TICKET_SECONDS

PURPOSE = b"jupyterhub-dsw: tickets for SSH"


class Ticket(Model):
    """Who may enter which instance; `fingerprint` is of the key that they proved to hold, if any.

    It only says for whom it was made: whether they may enter is looked up again when it is shown.
    """

    instance_id: str
    user: str
    fingerprint: str | None = None


class Tickets:
    """Seals and opens tickets, with a key that nothing else is sealed with."""

    def __init__(self, secret: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, ticket: Ticket, moment: datetime) -> str:
        """The ticket as ASCII text, good from this moment for `TICKET_SECONDS`."""
        content = ticket.model_dump_json().encode()
        return self._fernet.encrypt_at_time(content, int(moment.timestamp())).decode()

    def open(self, text: str, moment: datetime) -> Ticket | None:
        """What was sealed; None when it is not ours or too old at this moment."""
        try:
            content = self._fernet.decrypt_at_time(
                text.encode(), TICKET_SECONDS, int(moment.timestamp())
            )
            return Ticket.model_validate_json(content)
        except (InvalidToken, ValidationError):
            return None
