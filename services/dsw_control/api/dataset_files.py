"""Routes of files in datasets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from dsw.datasets import FileEntry, Preview, UploadCreate, UploadView
from dsw.locations import PATH_MAX
from dsw.names import id_pattern
from dsw.roles import Action
from dsw_control.api.conditions import tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.file_content import FileContent, content_of
from dsw_control.api.receiving import chunks_of, receives
from dsw_control.api.schemas import Page
from dsw_control.data import files, uploads
from dsw_control.data.files import Where

router = APIRouter(prefix="/datasets", tags=["datasets"])

DatasetId = Annotated[str, Path(pattern=id_pattern("ds"))]
UploadId = Annotated[str, Path(pattern=id_pattern("upl"))]
FilePath = Annotated[str, Query(max_length=PATH_MAX, description="Path in the dataset.")]

BYTES = {
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
}


def _where(
    dataset_id: DatasetId,
    path: FilePath = "",
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="None: newest.")] = None,
) -> Where:
    return Where(dataset_id, path, version)


WhereDep = Annotated[Where, Depends(_where)]


@router.get("/uploads", **does(Action.DATASET_WRITE))
async def list_uploads(control: ControlDep, caller: CallerDep, page: PageDep) -> Page[UploadView]:
    """Your uploads that are under way, newest first."""
    items, cursor = await uploads.list_uploads(control, caller, page)
    return Page(items=items, next=cursor)


@router.get("/uploads/{upload_id}", **does(Action.DATASET_WRITE))
async def get_upload(
    control: ControlDep, caller: CallerDep, upload_id: UploadId, response: Response
) -> UploadView:
    """One upload and how far it is: while bytes come, `bytes_done` is the offset to go on at."""
    return tagged(response, await uploads.get_upload(control, caller, upload_id))


@router.delete("/uploads/{upload_id}", status_code=204, **does(Action.DATASET_WRITE))
async def delete_upload(control: ControlDep, caller: CallerDep, upload_id: UploadId) -> None:
    """Cancel it, or forget it once it has ended."""
    await uploads.delete_upload(control, caller, upload_id)


@router.put("/uploads/{upload_id}/content", **receives(Action.DATASET_WRITE))
async def put_upload_content(
    request: Request,
    control: ControlDep,
    caller: CallerDep,
    upload_id: UploadId,
    offset: Annotated[int, Query(ge=0, description="Bytes that were sent before.")] = 0,
) -> UploadView:
    """Send the file, or what is missing of it. What came before a broken connection is kept. After
    the last byte it is `Storing`, and then `Done`."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdecimal() and len(length) < 19 else None
    chunks = chunks_of(request)
    return await uploads.receive(control, caller, upload_id, offset, announced, chunks)


@router.get("/{dataset_id}/files", **does(Action.DATASET_READ))
async def list_dataset_files(
    control: ControlDep, caller: CallerDep, where: WhereDep, page: PageDep
) -> Page[FileEntry]:
    """What is in a folder of a dataset, folders first."""
    items, cursor = await files.list_files(control, caller, where, page)
    return Page(items=items, next=cursor)


@router.delete("/{dataset_id}/files", status_code=204, **does(Action.DATASET_WRITE))
async def delete_dataset_file(
    control: ControlDep,
    caller: CallerDep,
    dataset_id: DatasetId,
    path: FilePath = "",
) -> None:
    """Delete a file, a link or an empty folder of the newest version."""
    await files.delete_file(control, caller, Where(dataset_id, path))


@router.get("/{dataset_id}/preview", **does(Action.DATASET_READ))
async def preview_dataset_file(control: ControlDep, caller: CallerDep, where: WhereDep) -> Preview:
    """The beginning of a file, as text or table. Control characters are shown, not sent."""
    return await files.preview(control, caller, where)


@router.get(
    "/{dataset_id}/content",
    response_class=FileContent,
    responses={200: BYTES, 206: BYTES},
    **does(Action.DATASET_READ),
)
async def get_dataset_file(
    request: Request,
    control: ControlDep,
    caller: CallerDep,
    where: WhereDep,
    inline: Annotated[bool, Query(description="Show it, if it is PNG, JPEG, GIF or WebP.")] = False,
) -> Response:
    """Download a file, or a part of it by the header `Range`."""
    file = await files.open_file(control, caller, where)
    return await content_of(file, where.path.rpartition("/")[2], request.headers, inline)


@router.post("/{dataset_id}/uploads", status_code=201, **does(Action.DATASET_WRITE))
async def create_upload(
    control: ControlDep,
    caller: CallerDep,
    dataset_id: DatasetId,
    body: UploadCreate,
    once: OnceDep,
) -> UploadView:
    """Begin an upload into the newest version; PUT its bytes to the upload's content next."""
    return await uploads.create_upload(control, caller, dataset_id, body, once)
