"""Calls for SSH: one's public keys, and tickets."""

from __future__ import annotations

from dsw.client.transport import Transport, path_of
from dsw.ssh import SshKeyAdd, SshKeyView, SshTicketAsk, SshTicketView


class SshCalls(Transport):
    """Keys by id; an instance by id, name or owner/name."""

    def ssh_keys(self, limit: int | None = None) -> list[SshKeyView]:
        """The caller's registered public keys."""
        return self._items("ssh-keys", SshKeyView, limit=limit)

    def add_ssh_key(self, body: SshKeyAdd) -> SshKeyView:
        """Register a public key."""
        return self._create("ssh-keys", SshKeyView, body)

    def remove_ssh_key(self, key_id: str) -> None:
        """Forget a public key; sessions that it opened end within seconds."""
        self._delete(path_of("ssh-keys", key_id))

    def ssh_ticket(self, body: SshTicketAsk) -> SshTicketView:
        """Ask for a ticket into an instance; with `start` again until there is one."""
        return self._act("ssh/tickets", SshTicketView, body)
