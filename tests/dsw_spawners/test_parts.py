"""The small parts of a start, each alone: messages, folder, readiness, cancellation, poll."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from docker.errors import DockerException
from tests.dsw_spawners.plans import a_plan
from tests.ports import an_unused_port

from dsw.apps import App
from dsw.code_sources import CodeCheckout
from dsw.errors import EngineFailed
from dsw.events import Phase
from dsw.instances import Reason
from dsw_spawners.cancellation import to_the_end
from dsw_spawners.docker import WorkspaceDockerSpawner
from dsw_spawners.docker_errors import engine_errors
from dsw_spawners.readiness import answers
from dsw_spawners.run_folder import RunFolder
from dsw_spawners.steps import MESSAGE_MAX, StartFailed, Step
from dsw_spawners.timeline import REACHED, Timeline, percent_of_start

STARTING = (
    Phase.ADMITTED,
    Phase.IMAGE_PULLING,
    Phase.IMAGE_PRESENT,
    Phase.CONTAINER_CREATED,
    Phase.CONTAINER_STARTED,
    Phase.SERVER_ANSWERING,
)


def test_every_step_of_a_start_moves_the_bar_on() -> None:
    assert set(REACHED) == set(STARTING)
    steps = [Step(phase=phase) for phase in STARTING]
    steps.insert(2, Step(phase=Phase.IMAGE_PULLING, percent=99))
    shown = [percent_of_start(step) for step in steps]
    assert shown == sorted(shown)
    assert shown[-1] < 100


async def test_a_late_reader_sees_the_whole_start_and_its_end() -> None:
    timeline = Timeline()
    timeline.add(Step(phase=Phase.ADMITTED, message="Admitted"))

    async def read() -> list[str]:
        return [event["message"] async for event in timeline.read()]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    timeline.add(Step(phase=Phase.IMAGE_PRESENT, message="There"))
    timeline.end()
    assert await reader == ["Admitted", "There"]
    assert await read() == ["Admitted", "There"]


def test_a_long_log_is_cut_to_its_end() -> None:
    failure = StartFailed(Reason.EXITED, "It ended.", log="x" * 10_000 + "the reason")
    assert len(failure.story) == MESSAGE_MAX
    assert failure.story.startswith("It ended. Its last lines:\n")
    assert failure.story.endswith("the reason")


def test_the_environment_is_replaced_whole_and_taken_away(tmp_path: Path) -> None:
    folder = RunFolder(str(tmp_path), "dsw-a", owner=(os.geteuid(), os.getegid()))
    folder.write({"JUPYTERHUB_API_TOKEN": "one"}, a_plan())
    folder.write({"JUPYTERHUB_API_TOKEN": "two"}, a_plan())
    file = folder.path / "environment"
    assert json.loads(file.read_text()) == {"JUPYTERHUB_API_TOKEN": "two"}
    assert file.stat().st_mode & 0o777 == 0o400
    assert sorted(path.name for path in folder.path.iterdir()) == ["apps", "environment"]
    assert folder.token() == "two"
    folder.clear()
    assert folder.path.exists()
    assert folder.token() == ""
    folder.remove()
    assert not folder.path.exists()


def test_a_code_source_is_there_from_its_start_to_its_stop_only(tmp_path: Path) -> None:
    code = CodeCheckout(url="http://example.org/x", directory="x", username="u", secret="hidden")
    assert "hidden" not in repr(code)
    folder = RunFolder(str(tmp_path), "dsw-a", owner=(os.geteuid(), os.getegid()))
    file = folder.path / "code"
    folder.write({}, a_plan(code=code))
    assert CodeCheckout.model_validate_json(file.read_text()) == code
    assert file.stat().st_mode & 0o777 == 0o400
    folder.clear()
    assert not any(folder.path.iterdir())
    folder.write({}, a_plan(code=code))
    folder.write({}, a_plan())
    assert not file.exists()


def test_apps_are_handed_over_with_each_start_for_its_server_alone(tmp_path: Path) -> None:
    app = App(name="board", title="Board", command=["board", "--port={port}"])
    folder = RunFolder(str(tmp_path), "dsw-a", owner=(os.geteuid(), os.getegid()))
    file = folder.path / "apps"
    folder.write({}, a_plan(apps=[app]))
    assert [App.model_validate(item) for item in json.loads(file.read_text())] == [app]
    assert file.stat().st_mode & 0o777 == 0o400
    folder.write({}, a_plan())
    assert json.loads(file.read_text()) == []
    folder.clear()
    assert not file.exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder belongs")
    with pytest.raises(EngineFailed, match="cannot be written"):
        RunFolder(str(tmp_path), "dsw-a").write({}, a_plan())


async def test_a_server_that_answers_an_error_page_is_not_ready_yet() -> None:
    statuses = iter([b"502 Bad", b"503 Not yet", b"403 Forbidden"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + next(statuses) + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def alive() -> None:
        pass

    port = an_unused_port()
    async with await asyncio.start_server(serve, "127.0.0.1", port):
        assert await answers(f"http://127.0.0.1:{port}/x/api", 10, alive)
    assert list(statuses) == []


async def test_waiting_ends_as_soon_as_the_server_is_dead() -> None:
    async def dead() -> None:
        raise StartFailed(Reason.EXITED, "It ended.")

    with pytest.raises(StartFailed, match="It ended"):
        async with asyncio.timeout(5):
            await answers(f"http://127.0.0.1:{an_unused_port()}/", 60, dead)


async def test_cancelled_work_goes_on_to_its_end() -> None:
    go_on, done = asyncio.Event(), []

    async def work() -> None:
        await go_on.wait()
        done.append(True)

    task = asyncio.create_task(to_the_end(work()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]


def test_no_error_of_docker_passes_the_border() -> None:
    with (
        pytest.raises(EngineFailed, match=r"does not answer \(pulling\)"),
        engine_errors("pulling"),
    ):
        raise DockerException("connection refused")


class UnreachableEngine(WorkspaceDockerSpawner):
    """A spawner whose engine does not answer, as while it restarts."""

    _client = None


async def test_an_engine_that_does_not_answer_ends_no_server() -> None:
    spawner = UnreachableEngine(
        client_kwargs={"base_url": f"tcp://127.0.0.1:{an_unused_port()}", "version": "1.41"},
        instance_id="dsw-aaaaaaaaaaaa",
        object_name="dsw-t-dsw-aaaaaaaaaaaa",
    )
    assert await spawner.poll() is None
    assert await spawner.locate() == ""
