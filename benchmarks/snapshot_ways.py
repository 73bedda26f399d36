"""The two ways to save a container as an image in a registry: the engine's own, and control's."""

from __future__ import annotations

from snapshot_meters import Cost, measured
from snapshot_world import World
from tests.workbenches import docker

from dsw.snapshots import SnapshotState


def commit_and_push(world: World) -> Cost:
    """`docker commit` and `docker push`."""
    image = f"{world.store.registry.address}/committed:latest"
    with measured(world.disk, world.beats / "log") as cost:
        docker("commit", world.container, image)
        docker("push", "--quiet", image)
    docker("image", "rm", image)
    return cost


def snapshot(world: World) -> Cost:
    """The agent in its container, as control runs it, upon the snapshot before if there is one."""
    request = world.saver.request()
    with measured(world.disk, world.beats / "log") as cost:
        world.saver.run(request)
    last = world.saver.end(request)
    if last.state is not SnapshotState.SAVED:
        raise RuntimeError(f"The snapshot is {last.state}: {last.message}")
    return cost
