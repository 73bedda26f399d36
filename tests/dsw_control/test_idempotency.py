"""A create that is sent twice makes one object, on both databases."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from tests.dsw_control.conftest import MakeControl

from dsw.errors import Conflict
from dsw.instances import InstanceCreate
from dsw.names import new_id
from dsw_control import instances
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records.idempotency import Once, earlier, forget_old, remember, request_hash
from dsw_control.store.tables import CodeSource, IdempotencyKey, Image, Instance
from dsw_control.tenancy import workspaces


async def create(control: Control, once: Once | None, fails: bool = False) -> str:
    """As a use case does it, on a table that has no unique column beside its id."""
    async with control.db.write() as session:
        if (made := await earlier(session, once)) is not None:
            return made
        row = CodeSource(
            id=new_id("code"),
            workspace_id="ws-1",
            name="repository",
            url="https://git.example.org/a",
            ref="",
            directory="",
            owner="ada",
            created_at=control.clock(),
        )
        session.add(row)
        remember(session, control, once, row.id)
        await session.flush()
        if fails:
            raise RuntimeError("killed before the commit")
        return row.id


def once(key: str = "k", username: str = "ada", request: str = "r") -> Once:
    return Once(username=username, key=key, request=request)


async def count(control: Control) -> int:
    async with control.db.read() as session:
        return await session.scalar(select(func.count()).select_from(CodeSource)) or 0


async def test_the_same_request_gives_the_same_object_again(make_control: MakeControl) -> None:
    control = await make_control()
    first = await create(control, once())
    assert await create(control, once()) == first
    assert await create(await make_control(), once()) == first, "after a restart, too"
    assert await count(control) == 1
    assert await create(control, None) != await create(control, None)


async def test_requests_at_once_make_exactly_one(make_control: MakeControl) -> None:
    controls = [await make_control() for _ in range(2)]
    made = await asyncio.gather(*(create(controls[n % 2], once()) for n in range(20)))
    assert len(set(made)) == 1
    assert await count(controls[0]) == 1


async def test_the_next_one_makes_it_when_the_first_came_to_nothing(
    make_control: MakeControl,
) -> None:
    controls = [await make_control() for _ in range(2)]
    results = await asyncio.gather(
        *(create(controls[n % 2], once(), fails=n == 0) for n in range(6)), return_exceptions=True
    )
    assert len({result for result in results if isinstance(result, str)}) == 1
    assert await count(controls[0]) == 1


async def test_another_request_with_the_key_is_refused(make_control: MakeControl) -> None:
    control = await make_control()
    await create(control, once())
    with pytest.raises(Conflict, match="sent before with another request"):
        await create(control, once(request="other"))
    assert await count(control) == 1


async def test_a_key_is_of_one_user(make_control: MakeControl) -> None:
    control = await make_control()
    assert await create(control, once()) != await create(control, once(username="bob"))
    assert await create(control, once("a", "b")) != await create(control, once("b", "a"))


async def test_keys_are_forgotten_after_a_day(make_control: MakeControl) -> None:
    control = await make_control()
    start: datetime = control.clock()
    first = await create(control, once())
    control.clock = lambda: start + timedelta(hours=23)
    await create(control, once("later"))
    await forget_old(control)
    assert await create(control, once()) == first
    control.clock = lambda: start + timedelta(hours=25)
    await forget_old(control)
    async with control.db.read() as session:
        assert list(await session.scalars(select(IdempotencyKey.key))) == ["later"]
    assert await create(control, once()) != first


KILLED_AFTER_THE_COMMIT = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.orm import Session
from dsw.instances import InstanceCreate
from dsw.settings import Settings
from dsw_control.auth import Caller
from dsw_control.instances import create_instance
from dsw_control.main import build
from dsw_control.records.idempotency import Once

settings, body, once = sys.argv[1:]
control = build(Settings.model_validate_json(settings))

@event.listens_for(Session, "after_commit")
def die(_):
    os.kill(os.getpid(), signal.SIGKILL)

body, once = InstanceCreate.model_validate_json(body), Once.model_validate_json(once)
asyncio.run(create_instance(control, Caller(name="ada"), body, once))
"""


async def test_the_object_of_a_process_that_was_killed_after_the_commit_is_found(
    make_control: MakeControl,
) -> None:
    control = await make_control()
    await workspaces.welcome(control, "ada")
    async with control.db.read() as session:
        image = await session.scalar(select(Image.id))
    spec = control.settings.specs[0].name
    body = InstanceCreate(display_name="Once", image=image, spec=spec, start=False)
    sent = [each.model_dump_json() for each in (control.settings, body, once())]
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED_AFTER_THE_COMMIT, *sent], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    again = await instances.create_instance(control, Caller(name="ada"), body, once())
    async with control.db.read() as session:
        assert list(await session.scalars(select(Instance.id))) == [again.id]


def test_requests_are_the_same_when_they_ask_for_the_same() -> None:
    asked = request_hash("POST", "/instances", b'{"name": "a", "size": 1}')
    assert asked == request_hash("POST", "/instances", b'{"size":1,"name":"a"}')
    assert asked != request_hash("POST", "/images", b'{"name": "a", "size": 1}')
    assert asked != request_hash("POST", "/instances", b'{"name": "a", "size": 2}')
    assert request_hash("POST", "/a", b"") == request_hash("POST", "/a", b"")
    assert request_hash("POST", "/a", b"no json") != request_hash("POST", "/a", b"no json either")
