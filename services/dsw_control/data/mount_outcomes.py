"""What came of the steps for the mounts of an instance, as their rows have it then."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.mounts import MountReason, MountState
from dsw.node_mounts import NodeMountResult, SourceState
from dsw_control.context import Control
from dsw_control.data.mount_rows import Told, Why, become, end_row
from dsw_control.store.tables import DataSource, Instance, Mount


class Outcome:
    """Writes results into rows, in one transaction."""

    def __init__(
        self, session: AsyncSession, control: Control, instance: Instance | None, told: Told
    ) -> None:
        self._session = session
        self._control = control
        self._instance = instance
        self._told = told

    async def detached(self, seen: Mount, result: NodeMountResult) -> None:
        """Gone, or kept by processes, or to be tried again."""
        row = await self._now(seen)
        if row is None:
            return
        if result.ok:
            self._become(row, MountState.UNMOUNTED, Why(reason=MountReason(row.reason)))
            row.source, row.attempts, row.force = "", 0, False
            if not row.desired:
                end_row(self._control, row)
        elif result.reason is MountReason.BUSY:
            row.desired, row.force, row.attempts = True, False, 0
            self._become(row, MountState.MOUNTED, _why(result))
        else:
            row.attempts += 1
            self._become(row, MountState.UNMOUNTING, _why(result))

    async def attached(self, seen: Mount, result: NodeMountResult) -> None:
        """Mounted, or why not."""
        row = await self._now(seen)
        if row is None:
            return
        if not result.ok:
            self._fail(row, _why(result))
            return
        row.attempts = 0
        self._become(row, MountState.MOUNTED)

    async def not_attached(self, seen: Mount, why: Why) -> None:
        """It cannot be mounted."""
        row = await self._now(seen)
        if row is not None:
            self._fail(row, why)

    async def waits(self, seen: Mount, source: DataSource) -> None:
        """Its source is not ready yet, or cannot be reached."""
        row = await self._now(seen)
        if row is None:
            return
        if source.state == SourceState.PREPARING:
            row.percent = source.report.get("percent")
        else:
            reason = MountReason(source.reason or MountReason.SOURCE_UNREACHABLE)
            self._fail(row, Why(reason=reason, message=source.message))

    async def _now(self, seen: Mount) -> Mount | None:
        """The row, unless it changed while the helper worked."""
        row = await self._session.get(Mount, seen.id, with_for_update=True)
        if row is None or row.ended_at is not None:
            return None
        same = (row.state, row.desired, row.force) == (seen.state, seen.desired, seen.force)
        return row if same and row.changed_at == seen.changed_at else None

    def _fail(self, row: Mount, why: Why) -> None:
        """What was mounted once is tried again and again; what never was, is not."""
        row.attempts += 1
        again = row.state == MountState.DEGRADED and why.reason not in FINAL
        self._become(row, MountState.DEGRADED if again else MountState.FAILED, why)

    def _become(self, row: Mount, state: MountState, why: Why | None = None) -> None:
        event = become(self._session, self._control, row, state, why)
        if event is not None and self._instance is not None:
            self._told.append((self._instance, event))


FINAL = frozenset({MountReason.REFUSED, MountReason.NEEDS_NEW_CONTAINER})
"""Reasons that waiting does not change."""


def _why(result: NodeMountResult) -> Why:
    reason = result.reason or MountReason.ENGINE_FAILED
    return Why(reason=reason, message=result.message, holders=result.holders)
