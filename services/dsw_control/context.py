"""What every use case needs, put together once at start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import quote

from dsw.origins import user_origin
from dsw.settings import Settings
from dsw_control.assets.vault import Vault
from dsw_control.auth import Authenticator
from dsw_control.bus import Bus
from dsw_control.clock import Clock, now
from dsw_control.engines.base import Engine
from dsw_control.forecasts import Forecasts
from dsw_control.guesses import Guesses
from dsw_control.hub import Hub
from dsw_control.locks import Locks
from dsw_control.records.attempts import Attempts
from dsw_control.ssh.tickets import Tickets
from dsw_control.store.database import Database


@dataclass
class Control:
    """The parts of one control process. Each `wake` makes a loop look at once: the reconciler of
    instances, that of snapshots, the queue, the removal of deleted images. `source_ends`: when the
    helper of a source last ended by itself."""

    settings: Settings
    db: Database
    hub: Hub
    engine: Engine
    auth: Authenticator
    spawner_token: str = field(repr=False)
    gateway_token: str = field(repr=False)
    tickets: Tickets
    vault: Vault
    registry_password: str = field(default="", repr=False)
    bus: Bus = field(default_factory=Bus)
    attempts: Attempts = field(default_factory=Attempts)
    registry_guesses: Guesses = field(default_factory=Guesses)
    wake_tags: asyncio.Event = field(default_factory=asyncio.Event)
    wake_transfers: asyncio.Event = field(default_factory=asyncio.Event)
    wake_uploads: asyncio.Event = field(default_factory=asyncio.Event)
    previewing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    clock: Clock = now
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    wake_snapshots: asyncio.Event = field(default_factory=asyncio.Event)
    wake_queue: asyncio.Event = field(default_factory=asyncio.Event)
    wake_discards: asyncio.Event = field(default_factory=asyncio.Event)
    forecasts: Forecasts = field(default_factory=Forecasts)
    wake_mounts: asyncio.Event = field(default_factory=asyncio.Event)
    wake_mount_sweep: asyncio.Event = field(default_factory=asyncio.Event)
    locks: Locks = field(default_factory=Locks)
    source_ends: dict[str, float] = field(default_factory=dict)

    def url_of(self, owner: str, name: str) -> str:
        """The address of an instance: a path below the workbench's own, or absolute where each user
        has an origin of their own."""
        hub = self.settings.hub
        base = f"{user_origin(hub, owner)}{hub.base_url}"
        return f"{base}user/{quote(owner, safe='')}/{quote(name, safe='')}/"
