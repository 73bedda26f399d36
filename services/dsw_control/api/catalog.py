"""Routes of what everybody may read: who they are, and the specs."""

from __future__ import annotations

from fastapi import APIRouter, Request

from dsw import __version__
from dsw.roles import Action
from dsw.secret_files import GATEWAY_KEY, SecretFiles
from dsw.settings import Settings
from dsw.specs import Spec
from dsw.workspaces import Me, SshGateway
from dsw_control import instances
from dsw_control.access import not_from_an_instance
from dsw_control.api.dependencies import CallerDep, ControlDep, does
from dsw_control.api.schemas import Page

router = APIRouter(tags=["catalog"])


@router.get("/me", **does(Action.ME_READ))
async def get_me(request: Request, control: ControlDep, caller: CallerDep) -> Me:
    """Who you are, and what this workbench runs on."""
    instance_id = None
    if caller.server is not None:
        own, _ = await instances.list_instances(control, caller)
        instance_id = own[0].id if own else None
    return Me(
        name=caller.name,
        admin=caller.admin,
        engine=control.engine.kind,
        isolated=control.engine.isolated,
        hub_url=f"{control.settings.hub.base_url}hub/",
        version=__version__,
        instance_id=instance_id,
        ssh_gateway=_gateway(control.settings, request.url.hostname or ""),
    )


def _gateway(settings: Settings, own: str) -> SshGateway | None:
    address = settings.gateway_address(own)
    public = SecretFiles(settings.data).path(f"{GATEWAY_KEY}.pub")
    key = public.read_text().strip() if public.exists() else None
    return SshGateway(address=address, host_key=key) if address else None


@router.get("/specs", **does(Action.SPEC_LIST))
async def list_specs(control: ControlDep, caller: CallerDep) -> Page[Spec]:
    """The sizes that an instance can have."""
    not_from_an_instance(caller)
    return Page(items=control.settings.specs)
