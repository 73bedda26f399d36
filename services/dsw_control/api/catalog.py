"""Routes of what everybody may read: who they are, specs, images."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from dsw import __version__
from dsw.images import ImageView
from dsw.roles import Action
from dsw.specs import Spec
from dsw.workspaces import Me
from dsw_control import instances
from dsw_control.api.dependencies import CallerDep, ControlDep, does
from dsw_control.api.schemas import Page
from dsw_control.assets import images

router = APIRouter(tags=["catalog"])

ImageId = Annotated[str, Path(max_length=80)]


@router.get("/me", **does(Action.ME_READ))
async def get_me(control: ControlDep, caller: CallerDep) -> Me:
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
    )


@router.get("/specs", **does(Action.SPEC_LIST))
async def list_specs(control: ControlDep, caller: CallerDep) -> Page[Spec]:
    """The sizes that an instance can have."""
    return Page(items=control.settings.specs)


@router.get("/images")
async def list_images(control: ControlDep, caller: CallerDep) -> Page[ImageView]:
    """The images that you may start from."""
    return Page(items=await images.list_images(control, caller))


@router.get("/images/{image_id}")
async def get_image(control: ControlDep, caller: CallerDep, image_id: ImageId) -> ImageView:
    """One image."""
    return await images.get_image(control, caller, image_id)


@router.delete("/images/{image_id}", status_code=204)
async def delete_image(control: ControlDep, caller: CallerDep, image_id: ImageId) -> None:
    """Delete a saved image that no instance uses."""
    await images.delete_image(control, caller, image_id)
