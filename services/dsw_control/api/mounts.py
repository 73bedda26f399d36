"""Routes of mounts, and of what nodes keep of datasets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dsw.datasets import CacheView, WarmAsk, WarmView
from dsw.mounts import MountCreate, MountView
from dsw.names import id_pattern
from dsw.roles import Action
from dsw_control.api.conditions import tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.data import cache, mounts, warming

router = APIRouter(tags=["mounts"])

InstanceId = Annotated[str, Path(pattern=id_pattern("dsw"))]
MountId = Annotated[str, Path(pattern=id_pattern("mnt"))]
DatasetId = Annotated[str, Path(pattern=id_pattern("ds"))]
WarmingId = Annotated[str, Path(pattern=id_pattern("warm"))]


@router.get("/instances/{instance_id}/mounts", **does(Action.INSTANCE_USE_OWN))
async def list_mounts(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, page: PageDep
) -> Page[MountView]:
    """What is mounted in an instance, or is to be when it runs; the oldest first."""
    items, cursor = await mounts.list_mounts(control, caller, instance_id, page)
    return Page(items=items, next=cursor)


@router.post("/instances/{instance_id}/mounts", status_code=201, **does(Action.MOUNT_OWN))
async def create_mount(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    body: MountCreate,
    once: OnceDep,
) -> MountView:
    """Mount a dataset at `/mnt/dynamic/<name>` while the instance runs. It is Mounting at first;
    look again until it is Mounted or Failed."""
    return await mounts.create_mount(control, caller, instance_id, body, once)


@router.get("/instances/{instance_id}/mounts/{mount_id}", **does(Action.INSTANCE_USE_OWN))
async def get_mount(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    mount_id: MountId,
    response: Response,
) -> MountView:
    """One mount, with the processes that kept it from being unmounted."""
    return tagged(response, await mounts.get_mount(control, caller, instance_id, mount_id))


@router.delete(
    "/instances/{instance_id}/mounts/{mount_id}", status_code=202, **does(Action.MOUNT_OWN)
)
async def remove_mount(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    mount_id: MountId,
    force: Annotated[bool, Query(description="Also when processes use it.")] = False,
) -> MountView:
    """Unmount. While processes use it the answer is 409 and names them; the mount has them, too."""
    return await mounts.remove_mount(control, caller, instance_id, mount_id, force)


@router.get("/datasets/{dataset_id}/cache", **does(Action.DATASET_READ))
async def get_cache(control: ControlDep, caller: CallerDep, dataset_id: DatasetId) -> CacheView:
    """What the node keeps of a dataset in an object store, and how often that served."""
    return await cache.cache_of(control, caller, dataset_id)


@router.get("/datasets/{dataset_id}/warmings", **does(Action.DATASET_READ))
async def list_warmings(
    control: ControlDep, caller: CallerDep, dataset_id: DatasetId, page: PageDep
) -> Page[WarmView]:
    """When a dataset's cache was filled, newest first."""
    items, cursor = await warming.list_warmings(control, caller, dataset_id, page)
    return Page(items=items, next=cursor)


@router.post("/datasets/{dataset_id}/warmings", status_code=202, **does(Action.MOUNT_OWN))
async def create_warming(
    control: ControlDep,
    caller: CallerDep,
    dataset_id: DatasetId,
    body: WarmAsk,
    once: OnceDep,
) -> WarmView:
    """Fill a dataset's cache, so that what is read next comes from this node."""
    return await warming.create_warming(control, caller, dataset_id, body, once)


@router.get("/datasets/warmings/{warming_id}", **does(Action.DATASET_READ))
async def get_warming(
    control: ControlDep, caller: CallerDep, warming_id: WarmingId, response: Response
) -> WarmView:
    """How far the filling of a cache is."""
    return tagged(response, await warming.get_warming(control, caller, warming_id))


@router.delete("/datasets/warmings/{warming_id}", status_code=202, **does(Action.MOUNT_OWN))
async def cancel_warming(control: ControlDep, caller: CallerDep, warming_id: WarmingId) -> WarmView:
    """End the filling of a cache; what was read stays in it."""
    return await warming.cancel_warming(control, caller, warming_id)
