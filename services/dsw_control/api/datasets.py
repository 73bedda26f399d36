"""Routes of datasets' catalog, and of the storage classes that they lie in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dsw.datasets import (
    DatasetChange,
    DatasetCreate,
    DatasetUse,
    DatasetView,
    StorageClassView,
    VersionCreate,
    VersionView,
)
from dsw.names import id_pattern
from dsw.roles import Action
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, does
from dsw_control.api.schemas import Page
from dsw_control.data import changes, checks, classes, datasets, usage
from dsw_control.store.paging import PageRequest

router = APIRouter(tags=["datasets"])

DatasetId = Annotated[str, Path(pattern=id_pattern("ds"))]


class DatasetPageQuery(datasets.DatasetFilter, PageRequest):
    """Which datasets, and which page of them."""


@router.get("/storage-classes", **does(Action.DATASET_READ))
async def list_storage_classes(
    control: ControlDep,
    caller: CallerDep,
    workspace: Annotated[str | None, Query(max_length=64, description="Id or name.")] = None,
) -> Page[StorageClassView]:
    """Where datasets of a workspace may lie, in the order of `dsw.toml`."""
    return Page(items=await classes.list_storage_classes(control, caller, workspace))


@router.get("/datasets", **does(Action.DATASET_READ))
async def list_datasets(
    control: ControlDep, caller: CallerDep, wanted: Annotated[DatasetPageQuery, Query()]
) -> Page[DatasetView]:
    """The datasets that you see, by name, each with its newest version only. With a workspace:
    its own and the public ones."""
    page = PageRequest(limit=wanted.limit, cursor=wanted.cursor)
    items, following = await datasets.list_datasets(control, caller, wanted, page)
    return Page(items=items, next=following)


@router.post("/datasets", status_code=201, **does(Action.DATASET_ADD))
async def create_dataset(
    control: ControlDep,
    caller: CallerDep,
    body: DatasetCreate,
    once: OnceDep,
    response: Response,
) -> DatasetView:
    """Register where data is. Without a URI a folder is made for it on the workspace's storage."""
    return tagged(response, await changes.create_dataset(control, caller, body, once))


@router.get("/datasets/{dataset_id}", **does(Action.DATASET_READ))
async def get_dataset(
    control: ControlDep, caller: CallerDep, dataset_id: DatasetId, response: Response
) -> DatasetView:
    """One dataset with its versions, newest first."""
    return tagged(response, await datasets.get_dataset(control, caller, dataset_id))


@router.patch("/datasets/{dataset_id}", **does(Action.DATASET_ADD))
async def change_dataset(
    control: ControlDep,
    caller: CallerDep,
    dataset_id: DatasetId,
    body: DatasetChange,
    response: Response,
    if_match: IfMatch = None,
) -> DatasetView:
    """Change what people read of one, who sees it and who may write it: yours, or any as who
    manages them. What is public only platform administrators change."""
    found = await changes.change_dataset(control, caller, dataset_id, body, if_match)
    return tagged(response, found)


@router.delete("/datasets/{dataset_id}", status_code=204, **does(Action.DATASET_ADD))
async def retire_dataset(
    control: ControlDep, caller: CallerDep, dataset_id: DatasetId, if_match: IfMatch = None
) -> None:
    """Take one that no instance has out of the catalog; its data stays where it is."""
    await changes.retire_dataset(control, caller, dataset_id, if_match)


@router.post("/datasets/{dataset_id}/versions", status_code=201, **does(Action.DATASET_ADD))
async def add_version(
    control: ControlDep,
    caller: CallerDep,
    dataset_id: DatasetId,
    body: VersionCreate,
    once: OnceDep,
    response: Response,
) -> DatasetView:
    """Other data under the same name; instances that name no version have it at their next
    start."""
    return tagged(response, await changes.add_version(control, caller, dataset_id, body, once))


@router.post("/datasets/{dataset_id}/check", **does(Action.DATASET_READ))
async def check_dataset(
    control: ControlDep,
    caller: CallerDep,
    dataset_id: DatasetId,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Default: the newest.")
    ] = None,
) -> VersionView:
    """Try whether the data can be reached, for ten seconds at most; the answer says why not."""
    return await checks.check_dataset(control, caller, dataset_id, version)


@router.get("/datasets/{dataset_id}/usage", **does(Action.DATASET_READ))
async def get_usage(control: ControlDep, caller: CallerDep, dataset_id: DatasetId) -> DatasetUse:
    """The instances that have it: by name as far as you may know them, the others counted."""
    return await usage.usage_of(control, caller, dataset_id)
