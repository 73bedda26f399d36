"""What a helper is asked: a container's files, its image's lineage, the workspace's rules."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.agent import AgentRequest, AgentTarget, PreviousSnapshot
from dsw.images import ImageSource
from dsw.snapshots import SnapshotAsk, SnapshotMode, SnapshotState
from dsw.workspaces import Policy
from dsw_control.context import Control
from dsw_control.engines.base import SnapshotSource
from dsw_control.registries import home_of, target_for
from dsw_control.snapshot_folders import SnapshotFolders
from dsw_control.store.tables import Image, Instance, Snapshot, Workspace

_MADE_BY = re.compile(r"dsw-agent snapshot (snap-[a-z2-7]{12})")


async def snapshot_request(control: Control, row: Snapshot, source: SnapshotSource) -> AgentRequest:
    """The request that takes this snapshot; `row.parent_id` is the image that the instance runs."""
    ask = SnapshotAsk.model_construct(exclude=row.exclude, full=row.full)
    target = await target_for(control, row, source.base)
    async with control.db.read() as session:
        known = await _known(session, control, row, ask, source)
    folders = SnapshotFolders(control.settings)
    work = await asyncio.to_thread(folders.make, row.instance_id, row.id)
    return AgentRequest(
        **known,
        snapshot_id=row.id,
        work=str(work),
        mode=SnapshotMode(row.mode),
        labels={"dsw.snapshot": row.id, "dsw.parent": row.parent_id},
        author=row.owner,
        created=row.created_at,
        comment=f"saved from {row.instance_id}",
        target=target,
    )


async def forecast_request(
    control: Control, row: Instance, ask: SnapshotAsk, source: SnapshotSource, helper_id: str
) -> AgentRequest:
    """The request for a forecast; nothing in it opens a registry."""
    planned = Snapshot(instance_id=row.id, workspace_id=row.workspace_id, parent_id=row.image_id)
    async with control.db.read() as session:
        known = await _known(session, control, planned, ask, source)
        home = await home_of(session, control, row.workspace_id)
    work = await asyncio.to_thread(SnapshotFolders(control.settings).make, row.id)
    return AgentRequest(
        **known,
        snapshot_id=helper_id,
        work=str(work),
        author=row.owner,
        created=control.clock(),
        comment="",
        target=AgentTarget(
            kind="registry" if home else "engine", tag="", repository=home.name if home else ""
        ),
    )


async def _known(
    session: AsyncSession,
    control: Control,
    row: Snapshot,
    ask: SnapshotAsk,
    source: SnapshotSource,
) -> dict[str, Any]:
    """What snapshot and forecast have in common."""
    workspace = await session.get_one(Workspace, row.workspace_id)
    policy = Policy.model_validate(workspace.policy).snapshots
    parent = await session.get_one(Image, row.parent_id)
    return {
        "container": source.container,
        "upper": source.upper,
        "lowers": source.lowers,
        "home": source.home,
        "freezer": source.freezer,
        "base_image": source.base,
        "base_config": source.base_config,
        "base_saved": await base_saved(session, parent, source.base_config),
        "mounts": source.mounts,
        "exclude": [*policy.exclude, *ask.exclude],
        "secrets": policy.secrets,
        "previous": None if ask.full else await _previous(session, row.instance_id),
    }


async def base_saved(session: AsyncSession, parent: Image, base_config: str) -> int:
    """How many of the image's topmost layers came by snapshots of this installation.

    By its history, which has a line for each layer; what somebody else's image says of itself does
    not count.
    """
    if parent.source != ImageSource.SNAPSHOT:
        return 0
    made_by = []
    for line in reversed(_history(base_config)):
        found = _MADE_BY.fullmatch(str(line.get("created_by", "")))
        if found is None or line.get("empty_layer"):
            break
        made_by.append(found[1])
    ours = set(await session.scalars(select(Snapshot.id).where(Snapshot.id.in_(made_by))))
    return next((count for count, key in enumerate(made_by) if key not in ours), len(made_by))


def _history(base_config: str) -> Sequence[dict[str, Any]]:
    try:
        tree = json.loads(base_config)
        lines = [line for line in tree["history"] if isinstance(line, dict)]
        filled = sum(not line.get("empty_layer") for line in lines)
        return lines if filled == len(tree["rootfs"]["diff_ids"]) else []
    except (ValueError, KeyError, TypeError):
        return []


async def _previous(session: AsyncSession, instance_id: str) -> PreviousSnapshot | None:
    """The instance's last snapshot whose image is still there."""
    row = (
        await session.execute(
            select(Snapshot.id, Image.digest)
            .join(Image, Image.id == Snapshot.image_id)
            .where(
                Snapshot.instance_id == instance_id,
                Snapshot.state == SnapshotState.SAVED,
                Image.retired_at.is_(None),
                Image.available,
            )
            .order_by(Snapshot.created_at.desc(), Snapshot.id.desc())
            .limit(1)
        )
    ).first()
    return None if row is None else PreviousSnapshot(snapshot_id=row[0], image=row[1])
