"""The two ways to save a container as an image in a registry: the engine's own, and control's."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime

from snapshot_meters import Cost, measured
from snapshot_world import World
from tests.workbenches import docker

from dsw.agent import INDEX_FILE, AgentReport, AgentRequest, AgentTarget, PreviousSnapshot
from dsw.names import container_name, new_id
from dsw.snapshots import SnapshotState


def commit_and_push(world: World) -> Cost:
    """`docker commit` and `docker push`."""
    image = f"{world.store.registry.address}/committed:latest"
    with measured(world.disk, world.beats / "log") as cost:
        docker("commit", world.container, image)
        docker("push", "--quiet", image)
    docker("image", "rm", image)
    return cost


def snapshot(world: World, previous: PreviousSnapshot | None) -> tuple[Cost, PreviousSnapshot]:
    """The agent in its container, as control runs it; the next one may build on it."""
    snapshot_id = new_id("snap")
    if previous is None:
        shutil.rmtree(world.work, ignore_errors=True)
    world.work.mkdir(parents=True, exist_ok=True)
    with measured(world.disk, world.beats / "log") as cost:
        asyncio.run(world.engine.start_agent(_request(world, snapshot_id, previous)))
        docker("wait", container_name(world.settings.installation, snapshot_id))
    done = _end(world, snapshot_id)
    index = world.work / snapshot_id / INDEX_FILE
    if index.exists():
        index.rename(world.work / INDEX_FILE)
    return cost, PreviousSnapshot(snapshot_id=snapshot_id, image=done.image)


def _request(world: World, snapshot_id: str, previous: PreviousSnapshot | None) -> AgentRequest:
    source = asyncio.run(world.engine.snapshot_source(world.instance))
    target = AgentTarget(
        kind="registry",
        tag=snapshot_id,
        repository=f"{world.store.registry.address}/saved",
        base=world.base,
        insecure=True,
    )
    return AgentRequest(
        **source.model_dump(include=AgentRequest.model_fields.keys()),
        snapshot_id=snapshot_id,
        work=str(world.work),
        base_image=source.base,
        previous=previous,
        author="benchmark",
        created=datetime.now(UTC),
        comment="",
        target=target,
    )


def _end(world: World, snapshot_id: str) -> AgentReport:
    status = asyncio.run(world.engine.agent_status(snapshot_id))
    asyncio.run(world.engine.remove_agent(snapshot_id))
    assert status is not None
    last = status.reports[-1]
    if last.state is not SnapshotState.SAVED:
        raise RuntimeError(f"The snapshot is {last.state}: {last.message}")
    return last
