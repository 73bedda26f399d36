"""Routes of the image catalog."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dsw.image_report import ImageReportView, ImageRestore
from dsw.images import ImageAdd, ImageChange, ImageFilter, ImageUsage, ImageView
from dsw.instances import InstanceView
from dsw.roles import Action
from dsw_control import restores
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.assets import image_changes, image_checks, image_removal, image_usage, images
from dsw_control.store.paging import PageRequest

router = APIRouter(prefix="/images", tags=["images"])

SBOM_TYPE = "application/vnd.cyclonedx+json"

ImageId = Annotated[str, Path(max_length=80)]


class ImagePageQuery(ImageFilter, PageRequest):
    """Which images, and which page of them."""


@router.get("", **does(Action.IMAGE_READ))
async def list_images(
    control: ControlDep, caller: CallerDep, wanted: Annotated[ImagePageQuery, Query()]
) -> Page[ImageView]:
    """The images that you may start from, official ones first, then the newest."""
    page = PageRequest(limit=wanted.limit, cursor=wanted.cursor)
    items, following = await images.list_images(control, caller, wanted, page)
    return Page(items=items, next=following)


@router.post("", status_code=201, **does(Action.IMAGE_ADD))
async def add_image(
    control: ControlDep, caller: CallerDep, body: ImageAdd, once: OnceDep, response: Response
) -> ImageView:
    """Add an image of a registry by its reference, pinned to the digest that it has now."""
    added = await image_changes.add_image(control, caller, body, once)
    # GET has no hint, and is what the tag is of.
    tagged(response, added.model_copy(update={"hint": ""}))
    return added


@router.get("/{image_id}", **does(Action.IMAGE_READ))
async def get_image(
    control: ControlDep, caller: CallerDep, image_id: ImageId, response: Response
) -> ImageView:
    """One image; also one that is not offered any more, for lineage."""
    return tagged(response, await images.get_image(control, caller, image_id))


@router.patch("/{image_id}", **does(Action.IMAGE_CHANGE))
async def change_image(
    control: ControlDep,
    caller: CallerDep,
    image_id: ImageId,
    body: ImageChange,
    response: Response,
    if_match: IfMatch = None,
) -> ImageView:
    """Change name, description, labels, or who sees it: yours, or any as an admin."""
    changed = await image_changes.change_image(control, caller, image_id, body, if_match)
    return tagged(response, changed)


@router.delete("/{image_id}", status_code=204, **does(Action.IMAGE_DELETE_OWN))
async def delete_image(
    control: ControlDep, caller: CallerDep, image_id: ImageId, if_match: IfMatch = None
) -> None:
    """Delete an image that no instance uses, from engine and registry too: yours, or any as an
    admin."""
    await image_removal.delete_image(control, caller, image_id, if_match)


@router.post("/{image_id}/check", **does(Action.IMAGE_CHANGE))
async def check_image(control: ControlDep, caller: CallerDep, image_id: ImageId) -> ImageView:
    """Ask engine and registry again whether it is there, and what it can run."""
    return await image_checks.check_image(control, caller, image_id)


@router.get("/{image_id}/usage", **does(Action.IMAGE_READ))
async def get_usage(control: ControlDep, caller: CallerDep, image_id: ImageId) -> ImageUsage:
    """The instances that use it, and the images that grew from it."""
    return await image_usage.usage_of(control, caller, image_id)


@router.get("/{image_id}/lineage", **does(Action.IMAGE_READ))
async def get_lineage(
    control: ControlDep, caller: CallerDep, image_id: ImageId, page: PageDep
) -> Page[ImageView]:
    """What it grew from, the oldest first, itself, and what grew from it."""
    items, following = await image_usage.lineage_of(control, caller, image_id, page)
    return Page(items=items, next=following)


@router.get("/{image_id}/report", **does(Action.IMAGE_READ))
async def get_report(control: ControlDep, caller: CallerDep, image_id: ImageId) -> ImageReportView:
    """What was found out when it was saved, and what the instance was."""
    return await restores.report_of(control, caller, image_id)


@router.get(
    "/{image_id}/sbom",
    response_class=Response,
    responses={200: {"content": {SBOM_TYPE: {}}, "description": "CycloneDX"}},
    **does(Action.IMAGE_READ),
)
async def get_sbom(control: ControlDep, caller: CallerDep, image_id: ImageId) -> Response:
    """The packages in a saved image, as a file."""
    text = await restores.sbom_of(control, caller, image_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{image_id}.cdx.json"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type=SBOM_TYPE, headers=headers)


@router.post("/{image_id}/restore", status_code=201, **does(Action.INSTANCE_USE_OWN))
async def restore_image(
    control: ControlDep, caller: CallerDep, image_id: ImageId, body: ImageRestore, once: OnceDep
) -> InstanceView:
    """Create an instance just like the one that was saved as this image."""
    return await restores.restore(control, caller, image_id, body, once)
