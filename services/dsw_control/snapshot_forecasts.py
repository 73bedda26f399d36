"""What saving an instance would ship, asked before anybody decides to."""

from __future__ import annotations

from dsw.image_report import Forecast
from dsw.roles import Action
from dsw.snapshots import SnapshotAsk
from dsw_control.access import require, visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.snapshot_requests import forecast_request
from dsw_control.snapshots import check_can_be_read


async def forecast(
    control: Control, caller: Caller, instance_id: str, ask: SnapshotAsk
) -> Forecast:
    """Measured now; a snapshot that begins later ships what has changed by then, too."""
    async with control.db.read() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        await require(session, caller, row.workspace_id, Action.SNAPSHOT_OWN)
        check_can_be_read(row)
    async with control.forecasts.turn(row.id) as helper_id:
        source = await control.engine.snapshot_source(row.id)
        request = await forecast_request(control, row, ask, source, helper_id)
        return await control.engine.run_forecast(request)
