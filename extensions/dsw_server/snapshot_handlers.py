"""The routes that save this instance, and what may be sent to them."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from dsw_server.handler import Handler, parse

PURPOSE = "save this instance"


class SnapshotsHandler(Handler):
    """The snapshots of this instance."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A list of SnapshotViews."""
        self.finish(await self.control.snapshots())

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """SnapshotCreate -> 202 SnapshotView."""
        # Not sooner: pydantic would make every server start later.
        from dsw.snapshots import SnapshotCreate

        snapshot = await self.control.save(parse(SnapshotCreate, self.request.body, PURPOSE))
        self.set_status(202)
        self.finish(snapshot)


class ForecastHandler(Handler):
    """What saving this instance would ship."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """SnapshotAsk -> Forecast."""
        from dsw.snapshots import SnapshotAsk

        asked = parse(SnapshotAsk, self.request.body, PURPOSE)
        self.finish(await self.control.forecast(asked))


class SnapshotHandler(Handler):
    """One snapshot of this instance."""

    @web.authenticated
    @authorized
    async def get(self, snapshot_id: str) -> None:
        """SnapshotView."""
        self.finish(await self.control.snapshot(snapshot_id))


class ReportHandler(Handler):
    """What came of a snapshot of this instance."""

    @web.authenticated
    @authorized
    async def get(self, snapshot_id: str) -> None:
        """ImageReportView."""
        self.finish(await self.control.report(snapshot_id))


class CancelHandler(Handler):
    """Ends a snapshot of this instance."""

    @web.authenticated
    @authorized
    async def post(self, snapshot_id: str) -> None:
        """SnapshotView."""
        self.finish(await self.control.cancel(snapshot_id))
