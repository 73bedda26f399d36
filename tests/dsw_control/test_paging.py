"""Lists are read page by page, on both databases, whatever happens to them meanwhile."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import delete, select
from tests.dsw_control.conftest import MakeControl

from dsw.errors import Invalid
from dsw_control.context import Control
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Allocation, CodeSource, User

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEWEST: tuple[Key, ...] = ((CodeSource.created_at, True), (CodeSource.id, True))
BY_NAME: tuple[Key, ...] = ((CodeSource.name, False), (CodeSource.created_at, True), NEWEST[1])
ALLOCATIONS: tuple[Key, ...] = ((Allocation.cpu, False), (Allocation.memory, True))


def source(number: int, moment: datetime, name: str = "repository") -> CodeSource:
    return CodeSource(
        id=f"code-{number:05}",
        workspace_id="ws-1",
        name=name,
        url="https://git.example.org/a",
        ref="",
        directory="",
        owner="ada",
        created_at=moment,
    )


async def add(control: Control, *rows: object) -> None:
    async with control.db.write() as session:
        session.add_all(rows)


async def page(
    control: Control, keys: tuple[Key, ...], limit: int, cursor: str | None = None
) -> tuple[list[str], str | None]:
    async with control.db.read() as session:
        request = PageRequest(limit=limit, cursor=cursor)
        rows, following = await paged(session, select(CodeSource), keys, request)
    return [row.id for row in rows], following


async def all_pages(control: Control, keys: tuple[Key, ...], limit: int) -> list[str]:
    ids, cursor = await page(control, keys, limit)
    while cursor is not None:
        more, cursor = await page(control, keys, limit, cursor)
        assert more, "a cursor leads to a page with something on it"
        ids += more
    return ids


@pytest.mark.parametrize("keys", [NEWEST, BY_NAME])
async def test_the_pages_together_are_the_list(
    make_control: MakeControl, keys: tuple[Key, ...]
) -> None:
    control = await make_control()
    moments = [START + timedelta(microseconds=number // 3) for number in range(20)]
    rows = [source(n, moment, "ab"[n % 2] * (n % 3)) for n, moment in enumerate(moments)]
    await add(control, *rows)
    whole, cursor = await page(control, keys, 1000)
    assert cursor is None
    assert len(set(whole)) == 20
    for limit in (1, 3, 7, 19, 20):
        assert await all_pages(control, keys, limit) == whole, limit


async def test_moments_are_ordered_in_time_in_whatever_zone_they_came(
    make_control: MakeControl,
) -> None:
    control = await make_control()
    east = timezone(timedelta(hours=9))
    await add(
        control,
        source(1, START.replace(microsecond=0)),
        source(2, START.replace(microsecond=500)),
        source(3, (START - timedelta(seconds=1)).astimezone(east)),
        source(4, (START + timedelta(seconds=1)).astimezone(east)),
    )
    assert await all_pages(control, NEWEST, 1) == [f"code-0000{n}" for n in (4, 2, 1, 3)]


async def test_what_comes_and_goes_meanwhile_moves_nothing_else(make_control: MakeControl) -> None:
    control = await make_control()
    await add(control, *(source(n, START + timedelta(seconds=n)) for n in range(10)))
    first, cursor = await page(control, NEWEST, 4)
    await add(control, *(source(n, START + timedelta(seconds=n)) for n in range(10, 15)))
    async with control.db.write() as session:
        # Among them is the very row that the cursor tells of.
        await session.execute(delete(CodeSource).where(CodeSource.id.in_([*first, "code-00003"])))
    second, _ = await page(control, NEWEST, 100, cursor)
    assert second == [f"code-0000{n}" for n in (5, 4, 2, 1, 0)]


async def test_numbers_and_names_of_any_script_are_kept_in_cursors(
    make_control: MakeControl,
) -> None:
    control = await make_control()
    names = ["Ada", "\u00e4da", "\u6d4b\u8bd5", "a'; DROP TABLE users; --", "\U0001f642"]
    await add(control, *(User(name=name, seen_at=START) for name in names))
    seen: list[str] = []
    cursor: str | None = None
    while not seen or cursor:
        async with control.db.read() as session:
            request = PageRequest(limit=1, cursor=cursor)
            rows, cursor = await paged(session, select(User), ((User.name, False),), request)
        seen += [row.name for row in rows]
    assert sorted(seen) == sorted(names)


def cursor_of(*values: object) -> str:
    text = json.dumps(values, ensure_ascii=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def list_of(cursor: str) -> str:
    text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    name: str = json.loads(text)[0]
    return name


async def test_a_cursor_that_is_broken_or_of_another_list_is_refused_with_a_sentence(
    make_control: MakeControl,
) -> None:
    control = await make_control()
    await add(control, *(source(n, START) for n in range(3)))
    _, cursor = await page(control, NEWEST, 1)
    _, foreign = await page(control, BY_NAME, 1)
    assert cursor is not None
    assert foreign is not None
    mine, now = list_of(cursor), START.isoformat()
    broken = [
        foreign,
        "",
        "x",
        "\u00e4",
        cursor[:-3],
        cursor + "!",
        base64.b64encode(b"\xff\xff").decode(),
        cursor_of(),
        cursor_of("00000000", now, "code-1"),
        cursor_of(mine, now),
        cursor_of(mine, now, "code-1", 1),
        cursor_of(mine, now, None),
        cursor_of(mine, now, "nul\0"),
        cursor_of(mine, now, "\ud800"),
        cursor_of(mine, 5, "code-1"),
        cursor_of(mine, "yesterday", "code-1"),
        cursor_of(mine, "2026-03-01T12:00:00", "code-1"),
        cursor_of(mine, "0001-01-01T00:00:00+14:00", "code-1"),
        cursor_of(mine, [now], {"a": 1}),
        base64.b64encode(b"[" * 1500).decode(),
    ]
    for text in broken:
        with pytest.raises(Invalid, match="not one of this list"):
            await page(control, NEWEST, 1, text)


@pytest.mark.parametrize("values", [(1.5, 1 << 63), (1.5, True), ("1", 1), (1.5, 10**400)])
async def test_a_number_that_no_row_can_have_is_refused(
    make_control: MakeControl, values: tuple[object, ...]
) -> None:
    control = await make_control()
    moment = {"holder_id": "x", "kind": "instance", "workspace_id": "w", "resource_group": "g"}
    more = {"owner": "ada", "priority": 5, "gpu": 0, "gpu_type": "", "started_at": START}
    rows = [
        Allocation(cpu=n / 3, memory=n << 40, **moment, **more, ended_at=START) for n in range(3)
    ]
    await add(control, *rows)

    async def ask(cursor: str | None) -> tuple[list[Allocation], str | None]:
        async with control.db.read() as session:
            request = PageRequest(limit=1, cursor=cursor)
            return await paged(session, select(Allocation), ALLOCATIONS, request)

    _, cursor = await ask(None)
    assert cursor is not None
    (row,), _ = await ask(cursor)
    assert (row.cpu, row.memory) == (1 / 3, 1 << 40)
    with pytest.raises(Invalid):
        await ask(cursor_of(list_of(cursor), *values))
