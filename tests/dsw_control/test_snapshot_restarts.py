"""Control is killed between two steps of a snapshot: nothing is lost, nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.saving import OWNER, SPECS, Desk

from dsw.agent import AgentReport
from dsw.snapshots import ENDED, SnapshotState
from dsw_control.snapshot_folders import SnapshotFolders
from dsw_control.snapshot_worker import SnapshotWorker
from dsw_control.store.tables import Event, Image, ImageRecord

STEPS = (
    "agent_status",
    "snapshot_source",
    "start_agent",
    "cancel_agent",
    "image",
    "remove_image",
    "remove_agent",
)
FOLDER_STEPS = ("make", "report", "sbom", "keep", "drop")


class Killed(BaseException):
    """Control ended here, without a word."""


class Death:
    """Strikes before or after the so-manieth step; `None`: never, and it counts."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.seen = 0
        self.struck = False

    def _step(self) -> None:
        if self.struck:
            raise Killed
        self.seen += 1
        if self.seen == self.at:
            self.struck = True
            raise Killed

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """The blocking call with a moment before and one after it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self._step()
            answer = act(*args, **kwargs)
            self._step()
            return answer

        return call

    def around_await(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """The same of a call that is awaited."""

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._step()
            answer = await act(*args, **kwargs)
            self._step()
            return answer

        return call

    @contextmanager
    def near(self, desk: Desk) -> Iterator[SnapshotWorker]:
        """A worker of a control that dies."""
        with pytest.MonkeyPatch.context() as patch:
            for name in STEPS:
                act = getattr(desk.engine, name)
                patch.setattr(desk.engine, name, self.around_await(act))
            for name in FOLDER_STEPS:
                act = getattr(SnapshotFolders, name)
                patch.setattr(SnapshotFolders, name, self.around(act))
            yield SnapshotWorker(desk.control)


def _does_its_work(desk: Desk, snapshot: str) -> None:
    desk.engine.make(snapshot)


def _fails(desk: Desk, snapshot: str) -> None:
    desk.engine.images.add(desk.engine.tag(snapshot))
    desk.engine.end(snapshot, SnapshotState.FAILED, 1, reason="DiskFull", message="Full.")


def _is_cancelled(desk: Desk, snapshot: str) -> None:
    desk.engine.say(snapshot, AgentReport(state=SnapshotState.COPYING))


ENDS = {"Saved": _does_its_work, "Failed": _fails, "Cancelled": _is_cancelled}


async def _live(desk: Desk, snapshot: str, end: str, death: Death) -> None:
    """Turns of a worker that dies, of others after it, and what the helper does meanwhile."""
    done = False
    with death.near(desk) as worker:
        for _ in range(4):
            await worker.turn()
            if not done and snapshot in desk.engine.helpers:
                ENDS[end](desk, snapshot)
                done = True
                if end == "Cancelled":
                    await desk.api.ok(OWNER, "POST", f"/snapshots/{snapshot}/cancel")
    desk.worker = SnapshotWorker(desk.control)
    if not done:
        await desk.until(lambda: _helper(desk, snapshot))
        ENDS[end](desk, snapshot)
        if end == "Cancelled":
            await desk.api.ok(OWNER, "POST", f"/snapshots/{snapshot}/cancel")
    await desk.ended(snapshot)
    await desk.worker.sweep()


async def _helper(desk: Desk, snapshot: str) -> bool:
    return snapshot in desk.engine.helpers or (await desk.row(snapshot)).state in ENDED


@pytest.mark.parametrize("end", ENDS)
async def test_a_kill_at_any_step_loses_nothing_and_repeats_nothing(
    make_api: MakeApi, end: str
) -> None:
    desk = await Desk(await make_api(specs=SPECS)).fill()
    item = await desk.instance()
    last = (await desk.saved(item))["id"]
    count = Death(None)
    at = 0
    while at == 0 or at <= count.seen:
        snapshot = await desk.ask(item)
        death = count if at == 0 else Death(at)
        await _live(desk, snapshot, end, death)
        last = snapshot if end == "Saved" else last
        await _check(desk, item, snapshot, end, last)
        assert death.struck is (at > 0)
        at += 1
    assert count.seen > 15


async def _check(desk: Desk, item: str, snapshot: str, end: str, last: str) -> None:
    row = await desk.row(snapshot)
    assert row.state == end
    assert (await desk.instance_row(item)).state == "Running"
    assert desk.engine.began.count(snapshot) == 1
    assert desk.engine.helpers == {}
    assert [path.name for path in desk.work(item).iterdir()] == ["index"]
    assert (desk.work(item) / "index").read_text() == last
    async with desk.control.db.read() as session:
        images = list(
            await session.scalars(select(Image.id).where(Image.digest.contains(snapshot)))
        )
        records = await session.scalars(
            select(ImageRecord.image_id).where(ImageRecord.snapshot_id == snapshot)
        )
        states = await session.scalars(select(Event.state).where(Event.object_id == snapshot))
        assert images == list(records) == ([row.image_id] if end == "Saved" else [])
        assert list(states).count(end) == 1
    kept = desk.engine.tag(snapshot) in desk.engine.images
    assert kept is (end == "Saved")


async def test_the_index_of_a_snapshot_that_was_cut_short_comes_before_the_next(
    make_api: MakeApi,
) -> None:
    desk = await Desk(await make_api(specs=SPECS)).fill()
    item = await desk.instance()
    snapshot = await desk.begun(item)
    desk.engine.make(snapshot)
    kept = SnapshotFolders.keep

    def die(*_: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SnapshotFolders, "keep", die)
        await desk.worker.turn()
    assert (await desk.row(snapshot)).state == "Saved"
    assert SnapshotFolders.keep is kept
    assert not (desk.work(item) / "index").exists()
    desk.worker = SnapshotWorker(desk.control)
    following = await desk.begun(item)
    previous = desk.engine.requests[following].previous
    assert previous is not None
    assert (desk.work(item) / "index").read_text() == previous.snapshot_id == snapshot
