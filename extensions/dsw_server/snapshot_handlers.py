"""The routes that save this instance, and what may be sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web

from dsw.errors import Invalid
from dsw_server.handler import Handler

if TYPE_CHECKING:
    from dsw.snapshots import SnapshotAsk

    M = TypeVar("M", bound=SnapshotAsk)


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

        snapshot = await self.control.save(parse(SnapshotCreate, self.request.body))
        self.set_status(202)
        self.finish(snapshot)


class ForecastHandler(Handler):
    """What saving this instance would ship."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """SnapshotAsk -> Forecast."""
        from dsw.snapshots import SnapshotAsk

        self.finish(await self.control.forecast(parse(SnapshotAsk, self.request.body)))


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


def parse(kind: type[M], body: bytes) -> M:
    """The request in a body; `Invalid` with a sentence that names each wrong key."""
    from pydantic import ValidationError

    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the body'}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        raise Invalid(
            f"The request to save this instance is wrong: {wrong}.",
            f"Send a JSON object; it may have {', '.join(kind.model_fields)}.",
        ) from error
