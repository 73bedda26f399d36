"""The road of a start with engines that misbehave, each named after what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.spawner import SpawnException
from tests.dsw_spawners.fake_control import FakeControl
from tests.dsw_spawners.plans import Planner
from tests.ports import an_unused_port

from dsw.errors import EngineFailed
from dsw.events import Phase, PhaseReport
from dsw.plan import LaunchPlan
from dsw_spawners.steps import Step
from dsw_spawners.workspace import WorkspaceSpawnerMixin


@pytest.fixture
def control() -> Iterator[FakeControl]:
    """A control that admits everything."""
    made = FakeControl("127.0.0.1", an_unused_port(), "token")
    made.planner = Planner()
    yield made
    made.stop()


class Obedient(WorkspaceSpawnerMixin):
    """An engine in memory that notes what it did; the classes below misbehave in one point."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(user=SimpleNamespace(name="alice"), **kwargs)
        self.did: list[str] = []
        self.waiting = asyncio.Event()

    def save_state(self) -> None:
        """There is no hub database."""

    async def launch(self, plan: LaunchPlan) -> AsyncIterator[Step]:
        """Two things to undo, then the server."""
        yield Step(phase=Phase.IMAGE_PRESENT, undo=self.undoing("first"))
        yield Step(phase=Phase.CONTAINER_CREATED, undo=self.undoing("second"))
        await self.answer()
        yield Step(phase=Phase.SERVER_ANSWERING, url="http://127.0.0.1:1")

    def undoing(self, what: str) -> Any:
        """An undo that notes that it ran to its end."""

        async def undo() -> None:
            self.did.append(f"undoing {what}")
            await asyncio.sleep(0)
            self.did.append(f"undid {what}")

        return undo

    async def answer(self) -> None:
        """The server answers at once."""

    async def locate(self) -> str:
        """Where the server is."""
        return "http://127.0.0.1:1"

    async def poll(self) -> int | None:
        """Stopped."""
        return 0

    async def halt(self) -> None:
        """Note it."""
        self.did.append("halted")

    async def discard(self) -> None:
        """Note it."""
        self.did.append("discarded")


class NeverStarts(Obedient):
    """Its server never answers."""

    async def answer(self) -> None:
        """Wait for ever."""
        self.waiting.set()
        await asyncio.Event().wait()


class EngineBreaks(Obedient):
    """Its engine fails half-way."""

    async def answer(self) -> None:
        """Fail with a sentence."""
        raise EngineFailed("The engine is out of disk.", "Free some.")


class HasABug(Obedient):
    """Its spawner is wrong."""

    async def answer(self) -> None:
        """Fail without a sentence."""
        raise KeyError("oops")


class FailsToUndo(EngineBreaks):
    """Its engine fails, and again at the undo of the second step."""

    def undoing(self, what: str) -> Any:
        """Fail for the second step."""
        if what == "first":
            return super().undoing(what)

        async def undo() -> None:
            raise EngineFailed("The engine is gone.")

        return undo


UNDONE = ["undoing second", "undid second", "undoing first", "undid first"]


def make(kind: type[Obedient], control: FakeControl, tmp_path: Path, **traits: Any) -> Obedient:
    """A spawner of this kind."""
    host, port = control.address
    return kind(
        control_url=f"http://{host}:{port}",
        control_token=control.token,
        data_dir=str(tmp_path),
        **traits,
    )


async def reports(spawner: Obedient, control: FakeControl) -> list[PhaseReport]:
    """All that was reported of the spawner's instance."""
    await spawner._parts[1].idle()
    return [report for name, report in control.reports if name == spawner.instance_id]


async def failures(spawner: Obedient, control: FakeControl) -> list[PhaseReport]:
    """The failures among the reports."""
    return [each for each in await reports(spawner, control) if each.phase is Phase.FAILED]


async def test_a_start_that_goes_well_undoes_nothing(control: FakeControl, tmp_path: Path) -> None:
    spawner = make(Obedient, control, tmp_path)
    assert await spawner.start() == "http://127.0.0.1:1"
    assert spawner.did == []
    assert [each.phase for each in await reports(spawner, control)] == [
        Phase.ADMITTED,
        Phase.IMAGE_PRESENT,
        Phase.CONTAINER_CREATED,
        Phase.SERVER_ANSWERING,
    ]
    assert spawner.get_state() == {"instance_id": spawner.instance_id, "attempt": 1}


async def test_a_failure_is_undone_backwards_and_reported_once(
    control: FakeControl, tmp_path: Path
) -> None:
    spawner = make(EngineBreaks, control, tmp_path)
    with pytest.raises(SpawnException) as caught:
        await spawner.start()
    assert caught.value.message == "The engine is out of disk. Free some."
    assert (caught.value.status_code, caught.value.reason) == (502, "EngineFailed")
    assert spawner.did == UNDONE
    (failure,) = await failures(spawner, control)
    assert failure.message == "The engine is out of disk. Free some."


async def test_a_start_that_takes_too_long_is_ended_before_the_hub_would(
    control: FakeControl, tmp_path: Path
) -> None:
    spawner = make(NeverStarts, control, tmp_path, start_timeout=1)
    with pytest.raises(SpawnException, match="was not done after 1 seconds"):
        async with asyncio.timeout(0.95):
            await spawner.start()
    assert spawner.did == UNDONE
    assert len(await failures(spawner, control)) == 1


async def test_a_cancelled_start_is_undone_to_its_end(control: FakeControl, tmp_path: Path) -> None:
    spawner = make(NeverStarts, control, tmp_path)
    task = asyncio.create_task(spawner.start())
    async with asyncio.timeout(5):
        await spawner.waiting.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spawner.did == UNDONE
    (failure,) = await failures(spawner, control)
    assert failure.reason == "HubLost"


async def test_an_unforeseen_error_is_undone_and_stays_visible_to_the_hub(
    control: FakeControl, tmp_path: Path
) -> None:
    spawner = make(HasABug, control, tmp_path)
    with pytest.raises(KeyError):
        await spawner.start()
    assert spawner.did == UNDONE
    (failure,) = await failures(spawner, control)
    assert failure.message == "The hub failed at this start (KeyError)."


async def test_a_failing_undo_hides_neither_the_reason_nor_the_other_undo(
    control: FakeControl, tmp_path: Path
) -> None:
    spawner = make(FailsToUndo, control, tmp_path)
    with pytest.raises(SpawnException, match="out of disk"):
        await spawner.start()
    assert spawner.did == ["undoing first", "undid first"]


async def test_the_stop_after_a_failed_start_is_not_reported(
    control: FakeControl, tmp_path: Path
) -> None:
    spawner = make(EngineBreaks, control, tmp_path)
    with pytest.raises(SpawnException):
        await spawner.start()
    await spawner.stop()
    assert spawner.did[-1] == "halted"
    phases = [each.phase for each in await reports(spawner, control)]
    assert phases[-1] is Phase.FAILED


@pytest.mark.parametrize("waiting", ["start", "takeover"])
async def test_a_server_that_the_hub_gave_up_waiting_for_failed(
    control: FakeControl, tmp_path: Path, waiting: str
) -> None:
    spawner = make(Obedient, control, tmp_path)
    await spawner.start()
    if waiting == "start":
        spawner._waiting_for_response = True
    else:
        assert await spawner.get_url() == "http://127.0.0.1:1"
    await spawner.stop()
    (failure,) = await failures(spawner, control)
    assert failure.reason == "NeverAnswered"
    assert Phase.STOPPED not in [each.phase for each in await reports(spawner, control)]


async def test_a_stop_and_a_deletion_are_reported(control: FakeControl, tmp_path: Path) -> None:
    spawner = make(Obedient, control, tmp_path)
    await spawner.start()
    await spawner.stop()
    await spawner.delete_forever()
    assert spawner.did == ["halted", "discarded"]
    phases = [each.phase for each in await reports(spawner, control)]
    assert phases[-3:] == [Phase.STOPPING, Phase.STOPPED, Phase.DELETED]
