"""What control does by itself, and what the hub's page does, is in the audit log too."""

from __future__ import annotations

from sqlalchemy import select
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.starts import ROOMY, create

from dsw.events import Phase, PhaseReport
from dsw.plan import PlanRequest
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.plans import make_plan
from dsw_control.reports import take_report
from dsw_control.store.tables import AuditEntry
from dsw_control.tenancy import members

ROOT = Caller(name="root", admin=True)


async def told(control: Control) -> list[tuple[str, str, object]]:
    async with control.db.read() as session:
        rows = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(row.actor, row.detail.get("did", ""), row.detail.get("via")) for row in rows]


async def test_a_start_on_the_hubs_page_is_told(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    item = await create(control, "ada", "cpu", name="train", start=False)
    plan = await make_plan(control, PlanRequest(owner="ada", name="train"))
    stopped = PhaseReport(attempt=plan.attempt, phase=Phase.STOPPING)
    for _ in range(2):
        await take_report(control, item.id, stopped)
    assert await told(control) == [
        ("control", "welcome", None),
        ("ada", "create", None),
        ("control", "start", "hub"),
        ("control", "stop", "hub"),
    ]


async def test_a_start_that_control_asked_for_is_told_once(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    await create(control, "ada", "cpu", name="train")
    await make_plan(control, PlanRequest(owner="ada", name="train"))
    assert [did for _, did, _ in await told(control)] == ["welcome", "create"]


async def test_a_server_that_is_new_on_the_hub_is_told(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    item = await create(control, "ada", "cpu", start=False)
    await make_plan(control, PlanRequest(owner="ada", name="fresh"))
    assert [did for _, did, _ in await told(control)][2:] == ["create", "start"]
    assert item.name != "fresh"


async def test_an_end_by_removal_is_told(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    await create(control, "ada", "cpu")
    await members.remove_member(control, ROOT, "default", "ada")
    lines = await told(control)
    assert ("control", "stop", None) in lines
    assert [actor for actor, _, _ in lines].count("root") == 1
