"""What the helper of a transfer may do at the installation's own registry while it runs."""

from __future__ import annotations

import hmac
import re

from dsw.names import id_pattern
from dsw.references import parse_reference
from dsw.transfers import TransferKind, TransferState
from dsw_control.context import Control
from dsw_control.registries import home_of
from dsw_control.registry_tokens import Grant
from dsw_control.store.tables import Image, ImageTransfer

_ID = re.compile(id_pattern("xfer"))


def password_of(control: Control, transfer_id: str) -> str:
    """A helper logs in with its transfer's id and this, until the transfer ends."""
    return control.vault.blind(f"transfer at the registry: {transfer_id}")


async def grants_of(control: Control, username: str, password: str) -> list[Grant] | None:
    """What a helper may do; None for a wrong login, and when its transfer has ended."""
    if not _ID.fullmatch(username):
        return None
    if not hmac.compare_digest(password.encode(), password_of(control, username).encode()):
        return None
    async with control.db.read() as session:
        row = await session.get(ImageTransfer, username)
        if row is None or row.state != TransferState.WORKING:
            return None
        if row.kind == TransferKind.IMPORT:
            home = await home_of(session, control, row.workspace_id)
            if home is None or not home.own:
                return []
            return [Grant(repository=home.repository, actions=frozenset({"pull", "push"}))]
        image = await session.get_one(Image, row.image_id)
        if "@" not in image.digest:
            return []
        repository = parse_reference(image.digest).repository
        return [Grant(repository=repository, actions=frozenset({"pull"}))]
