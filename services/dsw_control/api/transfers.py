"""Routes of images that leave and come as archives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import FileResponse

from dsw.names import id_pattern, slug
from dsw.roles import Action
from dsw.transfers import ImageImport, TransferView
from dsw_control import transfers
from dsw_control.api.conditions import tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.receiving import chunks_of, receives
from dsw_control.api.schemas import Page

router = APIRouter(prefix="/images", tags=["images"])

TransferId = Annotated[str, Path(pattern=id_pattern("xfer"))]

BYTES = {"content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}


@router.post("/{image_id}/export", status_code=202, **does(Action.IMAGE_ADD))
async def export_image(
    control: ControlDep,
    caller: CallerDep,
    image_id: Annotated[str, Path(max_length=80)],
    once: OnceDep,
) -> TransferView:
    """Have an OCI archive made of an image; download it from the transfer once that is Ready."""
    return await transfers.export_image(control, caller, image_id, once)


@router.post("/import", status_code=201, **does(Action.IMAGE_ADD))
async def import_image(
    control: ControlDep, caller: CallerDep, body: ImageImport, once: OnceDep
) -> TransferView:
    """Begin to bring in an image as an OCI archive, or as one of `docker save`; PUT its bytes to
    the transfer's content next."""
    return await transfers.import_image(control, caller, body, once)


@router.get("/transfers", **does(Action.IMAGE_ADD))
async def list_transfers(
    control: ControlDep, caller: CallerDep, page: PageDep
) -> Page[TransferView]:
    """Your transfers of the last day, newest first."""
    items, cursor = await transfers.list_transfers(control, caller, page)
    return Page(items=items, next=cursor)


@router.get("/transfers/{transfer_id}", **does(Action.IMAGE_ADD))
async def get_transfer(
    control: ControlDep, caller: CallerDep, transfer_id: TransferId, response: Response
) -> TransferView:
    """One transfer and how far it is: while an import is received, `bytes_done` is the offset to go
    on at."""
    return tagged(response, await transfers.get_transfer(control, caller, transfer_id))


@router.delete("/transfers/{transfer_id}", status_code=204, **does(Action.IMAGE_ADD))
async def delete_transfer(control: ControlDep, caller: CallerDep, transfer_id: TransferId) -> None:
    """Cancel it, or delete it and its archive once it has ended."""
    await transfers.delete_transfer(control, caller, transfer_id)


@router.put("/transfers/{transfer_id}/content", **receives(Action.IMAGE_ADD))
async def put_content(
    request: Request,
    control: ControlDep,
    caller: CallerDep,
    transfer_id: TransferId,
    offset: Annotated[int, Query(ge=0, description="Bytes that were sent before.")] = 0,
) -> TransferView:
    """Send the archive, or what is missing of it. What came before a broken connection is kept."""
    return await transfers.receive(control, caller, transfer_id, offset, chunks_of(request))


@router.get(
    "/transfers/{transfer_id}/content",
    response_class=FileResponse,
    responses={200: BYTES},
    **does(Action.IMAGE_ADD),
)
async def get_content(control: ControlDep, caller: CallerDep, transfer_id: TransferId) -> Response:
    """Download the archive, or a part of it by the header `Range`."""
    path, view = await transfers.content_of(control, caller, transfer_id)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    name = f"{slug(view.name)}.tar"
    return FileResponse(path, media_type="application/x-tar", filename=name, headers=headers)
