"""Routes for the hub's spawners; not below the service prefix, so the proxy never leads here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from dsw.events import PhaseReport
from dsw.names import id_pattern
from dsw.plan import LaunchPlan, PlanRequest
from dsw_control import plans, reports
from dsw_control.api.dependencies import ControlDep, require_spawner

router = APIRouter(
    prefix="/internal", dependencies=[Depends(require_spawner)], include_in_schema=False
)


@router.post("/plans")
async def make_plan(control: ControlDep, body: PlanRequest) -> LaunchPlan:
    """Admit the start of a named server and say how it is done."""
    return await plans.make_plan(control, body)


@router.post("/instances/{instance_id}/reports", status_code=204)
async def take_report(
    control: ControlDep,
    instance_id: Annotated[str, Path(pattern=id_pattern("dsw"))],
    body: PhaseReport,
) -> None:
    """Note a phase of a start, or its end."""
    await reports.take_report(control, instance_id, body)
