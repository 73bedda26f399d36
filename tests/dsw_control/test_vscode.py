"""What of the settings `[vscode]` reaches an instance."""

from __future__ import annotations

from typing import Any

from tests.dsw_control.conftest import MakeControl

from dsw.plan import LaunchPlan, PlanRequest
from dsw_control.plans import make_plan


async def planned(make_control: MakeControl, **vscode: Any) -> dict[str, str]:
    control = await make_control(vscode=vscode)
    plan: LaunchPlan = await make_plan(control, PlanRequest(owner="ada", name="train"))
    return {name: value for name, value in plan.environment.items() if "VSCODE" in name}


async def test_without_a_registry_an_instance_hears_of_no_extension(
    make_control: MakeControl,
) -> None:
    assert await planned(make_control) == {}


async def test_the_registry_and_its_extensions_reach_an_instance(
    make_control: MakeControl,
) -> None:
    gallery = "https://gallery.example.org/vscode"
    assert await planned(make_control, gallery=gallery, extensions=["a.b", "c.d"]) == {
        "DSW_VSCODE_GALLERY": gallery,
        "DSW_VSCODE_EXTENSIONS": "a.b,c.d",
    }
