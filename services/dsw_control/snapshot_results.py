"""What becomes of a snapshot that has ended: an image with its record, or nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.agent import AgentReport
from dsw.errors import Conflict, DswError, EngineFailed, NotFound
from dsw.image_report import ImageReport, LeftOut, RestoreRecord
from dsw.images import ImageSource, ImageUse, Visibility
from dsw.instances import InstanceState
from dsw.names import image_tag, new_id
from dsw.references import parse_reference
from dsw.roles import Action
from dsw.snapshots import SnapshotMode, SnapshotState
from dsw_control.assets.image_tags import take_tag
from dsw_control.assets.registry import opened
from dsw_control.assets.registry_writes import delete
from dsw_control.context import Control
from dsw_control.history import add_event, tell, tell_gone
from dsw_control.records.audit import record
from dsw_control.registries import credential_for, home_of, login_to
from dsw_control.saving_at_stops import discard_older
from dsw_control.snapshot_folders import SnapshotFolders
from dsw_control.snapshots import ENDED_STATES
from dsw_control.store.tables import Image, ImageRecord, Instance, Snapshot

log = structlog.get_logger()


@dataclass
class Outcome:
    """How a snapshot ended."""

    state: SnapshotState
    reason: str = ""
    message: str = ""
    image: Image | None = None
    found: ImageRecord | None = None
    frozen_ms: int | None = None


async def saved_image(
    control: Control, folders: SnapshotFolders, row: Snapshot, report: AgentReport
) -> Outcome:
    """The image that a helper made, and what it wrote down about it."""
    found = await control.engine.image(report.image)
    if found is None and "@" not in report.image:
        raise NotFound("The engine does not have the image that was saved.", "Save it again.")
    async with control.db.read() as session:
        parent = await session.get_one(Image, row.parent_id)
        credential = await credential_for(session, control, row.workspace_id, report.image)
    image = _image(control, row, report, parent)
    image.size = found.size if found else report.size
    image.credential = credential
    left_out = f"Left out: {', '.join(report.skipped[:20])}" if report.skipped else ""
    return Outcome(
        SnapshotState.SAVED,
        message=left_out,
        image=image,
        found=await _record(folders, row, report, image),
        frozen_ms=report.frozen_ms,
    )


def _image(control: Control, row: Snapshot, report: AgentReport, parent: Image) -> Image:
    tag = image_tag(control.settings.installation, row.id)
    return Image(
        id=new_id("img"),
        name=row.name,
        description=row.description,
        source=ImageSource.SNAPSHOT,
        workspace_id=row.workspace_id,
        owner=row.owner,
        reference=report.image if "@" in report.image else tag,
        digest=report.image,
        visibility=Visibility.PRIVATE,
        # Its configuration is that of its parent, and it has run as an instance.
        labels=parent.labels,
        platform=parent.platform,
        use=ImageUse.INSTANCE,
        apps=parent.apps,
        parent_id=row.parent_id,
        instance_id=row.instance_id,
        available=True,
        created_at=control.clock(),
    )


async def _record(
    folders: SnapshotFolders, row: Snapshot, report: AgentReport, image: Image
) -> ImageRecord | None:
    """None for a snapshot that was asked for when nothing was recorded yet."""
    if row.restore is None:
        return None
    found = await asyncio.to_thread(folders.report, row.instance_id, row.id)
    if found is None:
        # Better an image of which little is known than none.
        skipped = [line.partition(" (")[0] for line in report.skipped]
        found = ImageReport(
            mode=SnapshotMode(row.mode),
            frozen_ms=report.frozen_ms or 0,
            size=report.bytes_total or 0,
            left_out=[LeftOut(path=path, reason="") for path in skipped],
        )
    restore = RestoreRecord.model_validate({**row.restore, "image_digest": image.digest})
    return ImageRecord(
        image_id=image.id,
        snapshot_id=row.id,
        report=found.model_dump(mode="json"),
        restore=restore.model_dump(mode="json"),
        sbom=await asyncio.to_thread(folders.sbom, row.instance_id, row.id),
    )


async def remove_left_behind(control: Control, row: Snapshot, killed: bool) -> None:
    """Take an image away that no row is of: from the engine, and when its helper was killed before
    it could tell, from the registry. What does not answer now keeps it."""
    with suppress(Conflict, EngineFailed):
        tag = image_tag(control.settings.installation, row.id)
        await control.engine.remove_image(tag)
    try:
        async with control.db.read() as session:
            home = await home_of(session, control, row.workspace_id)
            login = await login_to(session, control, home) if home else None
            parent = await session.get_one(Image, row.parent_id)
        if home is None or not killed:
            return
        reference = parse_reference(f"{home.name}:{row.id}")
        async with opened(control.settings, reference.host, login, home.insecure) as there:
            if await there.has(reference):
                found = await there.image(reference, parent.platform)
                await delete(there, reference.at(found.digest))
    except DswError as error:
        log.warning("a killed helper may have left an image", snapshot=row.id, why=error.sentence)


async def end_snapshot(control: Control, snapshot_id: str, outcome: Outcome) -> None:
    """Write down the end, the image and all that follows, in one transaction."""
    gone: list[Image] = []
    untagged: Image | None = None
    async with control.db.write() as session:
        now = await session.get_one(Snapshot, snapshot_id, with_for_update=True)
        if now.state in ENDED_STATES:
            return
        image, found = outcome.image, outcome.found
        if image is not None and now.cancel:
            # It was ready a moment too early. Its row stays until the image itself is removed.
            image.retired_at, image.discard, found = control.clock(), True, None
            session.add(image)
            outcome, image = Outcome(SnapshotState.CANCELLED), None
        now.state, now.reason, now.message = outcome.state, outcome.reason, outcome.message
        now.rate = now.seconds_left = None
        now.frozen_ms = outcome.frozen_ms if outcome.frozen_ms is not None else now.frozen_ms
        now.ended_at = control.clock()
        if image is not None:
            untagged = await _into_the_catalog(session, control, now, image)
            gone = await discard_older(session, control, now) if now.automatic else []
        if found is not None:
            session.add(found)
        event = add_event(session, control, now)
        instance = await _runs_again(session, now.instance_id)
    log.info("snapshot", snapshot=now.id, state=now.state, reason=now.reason)
    tell(control, now, event)
    for offered in (image, untagged):
        if offered is not None:
            tell(control, offered)
    if instance is not None:
        tell(control, instance)
    for one in gone:
        tell_gone(control, one)
    control.wake_tags.set()
    control.wake_discards.set()
    # A start may have waited for it.
    control.wake.set()


async def _into_the_catalog(
    session: AsyncSession, control: Control, row: Snapshot, image: Image
) -> Image | None:
    """Offer the image, with its tag; the image that had that till now."""
    session.add(image)
    row.image_id = image.id
    row.bytes_done = row.bytes_total or row.bytes_done
    target = (image.id, row.workspace_id)
    record(session, control, None, Action.SNAPSHOT_OWN, target, snapshot=row.id)
    await session.flush()
    return await take_tag(session, image, row.tag) if row.tag else None


async def _runs_again(session: AsyncSession, instance_id: str) -> Instance | None:
    query = select(Instance).where(
        Instance.id == instance_id, Instance.state == InstanceState.SAVING
    )
    row: Instance | None = await session.scalar(query.with_for_update())
    if row is not None:
        row.state = InstanceState.RUNNING
    return row
