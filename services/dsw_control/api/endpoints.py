"""The route by which an instance's own server tells what can be opened in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from dsw.apps import Endpoints
from dsw.names import id_pattern
from dsw.roles import Action
from dsw_control import endpoints
from dsw_control.api.dependencies import CallerDep, ControlDep, does

router = APIRouter(prefix="/instances/{instance_id}", tags=["instances"])

InstanceId = Annotated[str, Path(pattern=id_pattern("dsw"))]


@router.put("/endpoints", status_code=204, **does(Action.INSTANCE_USE_OWN))
async def put_endpoints(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, body: Endpoints
) -> None:
    """Its own server tells which apps it has and which ports are open; by its token only."""
    await endpoints.put_endpoints(control, caller, instance_id, body)
