"""What an instance was when it was saved, and how the like of it is started again."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, NotFound
from dsw.image_report import (
    ImageReport,
    ImageReportView,
    ImageRestore,
    RestoreMount,
    RestoreRecord,
)
from dsw.instances import InstanceCreate, InstanceView
from dsw_control.access import not_from_an_instance
from dsw_control.assets.images import no_image, seen
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.static_mounts import statics
from dsw_control.instances import create_instance
from dsw_control.plans import plan_of
from dsw_control.records.idempotency import Once
from dsw_control.store.tables import (
    CodeSource,
    Dataset,
    Image,
    ImageRecord,
    Instance,
    Snapshot,
    Workspace,
)


async def record_of(session: AsyncSession, control: Control, row: Instance) -> RestoreRecord:
    """What it takes to start one just like this instance; its image's digest is not known yet."""
    image = await session.get_one(Image, row.image_id)
    workspace = await session.get_one(Workspace, row.workspace_id)
    plan = plan_of(control, row, image, workspace, [])
    return RestoreRecord(
        image_digest="",
        base_digest=image.digest,
        workspace_id=row.workspace_id,
        spec=row.spec["name"],
        resource_group=row.resource_group,
        code_source=row.code_source,
        mounts=[
            RestoreMount(target=mount.target, read_only=mount.read_only) for mount in plan.mounts
        ],
        datasets=await statics(session, row.id),
        environment=sorted(plan.environment),
    )


async def report_of(control: Control, caller: Caller, image_id: str) -> ImageReportView:
    """What was found out about a saved image; an instance learns it of those saved from it."""
    async with control.db.read() as session:
        if caller.server is not None:
            await _check_is_its_own(session, caller, image_id)
        record = await _record(session, await seen(session, caller, image_id))
    return ImageReportView(
        image_id=record.image_id,
        snapshot_id=record.snapshot_id,
        report=ImageReport.model_validate(record.report),
        restore=RestoreRecord.model_validate(record.restore),
        has_sbom=bool(record.sbom),
    )


async def sbom_of(control: Control, caller: Caller, image_id: str) -> str:
    """The packages of a saved image, as CycloneDX in JSON."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await seen(session, caller, image_id)
        record = await _record(session, row)
    if not record.sbom:
        raise NotFound(f"There is no list of packages of the image {row.name!r}.")
    return record.sbom


async def restore(
    control: Control, caller: Caller, image_id: str, body: ImageRestore, once: Once | None = None
) -> InstanceView:
    """A new instance as the one was that was saved, where all of that is still there."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await seen(session, caller, image_id)
        if row.retired_at is not None:
            raise no_image(image_id)
        found = RestoreRecord.model_validate((await _record(session, row)).restore)
        await _check_is_there(session, control, found)
    create = InstanceCreate(
        workspace=found.workspace_id,
        name=body.name,
        display_name=body.display_name or body.name or row.name,
        image=row.id,
        spec=found.spec,
        resource_group=found.resource_group or None,
        code_source=found.code_source,
        datasets=found.datasets,
        start=body.start,
    )
    return await create_instance(control, caller, create, once)


async def _check_is_its_own(session: AsyncSession, caller: Caller, image_id: str) -> None:
    query = (
        select(ImageRecord.image_id)
        .join(Snapshot, Snapshot.id == ImageRecord.snapshot_id)
        .join(Instance, Instance.id == Snapshot.instance_id)
        .where(
            ImageRecord.image_id == image_id,
            Instance.owner == caller.name,
            Instance.name == caller.server,
        )
    )
    if await session.scalar(query) is None:
        raise no_image(image_id)


async def _record(session: AsyncSession, row: Image) -> ImageRecord:
    record = await session.get(ImageRecord, row.id)
    if record is None:
        raise NotFound(
            f"Nothing is recorded of the image {row.name!r}.",
            "There is a record of images that were saved from an instance of this workbench.",
        )
    return record


async def _dataset_gone(session: AsyncSession, found: RestoreRecord) -> str:
    for each in found.datasets:
        row = await session.get(Dataset, each.dataset)
        if row is None or row.retired_at is not None:
            return f"dataset {row.name if row else each.dataset!r}"
    return ""


async def _check_is_there(session: AsyncSession, control: Control, found: RestoreRecord) -> None:
    """`Conflict` that names what the workbench no longer has."""
    settings = control.settings
    groups = {group.name for group in settings.resource_groups}
    gone = ""
    if found.spec not in {spec.name for spec in settings.specs}:
        gone = f"spec {found.spec!r}"
    elif found.resource_group and found.resource_group not in groups:
        gone = f"resource group {found.resource_group!r}"
    elif found.code_source and await session.get(CodeSource, found.code_source) is None:
        gone = f"code source {found.code_source!r}"
    else:
        gone = await _dataset_gone(session, found)
    if gone:
        raise Conflict(
            f"The instance that was saved had the {gone}, which there is no more.",
            "Create an instance from this image instead, and choose another.",
        )
