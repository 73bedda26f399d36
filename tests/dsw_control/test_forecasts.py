"""What saving would ship, asked before it is done: by whom, how often, and of what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.saving import MATE, OWNER, SPECS, STRANGER, Desk, Helpers
from tests.stub_hub import instance_token

from dsw.agent import AgentRequest
from dsw.image_report import Forecast
from dsw_control import forecasts


class Waits(Helpers):
    """Its forecasts are ready when the test says so."""

    def __init__(self, control: Any) -> None:
        super().__init__(control)
        self.many, self.ready = asyncio.Event(), asyncio.Event()

    async def run_forecast(self, request: AgentRequest) -> Forecast:
        """Once it is ready."""
        self.asked.append(request)
        if len(self.asked) == forecasts.AT_ONCE:
            self.many.set()
        await self.ready.wait()
        return Forecast(size=7, entries=1)


@pytest.fixture
async def desk(make_api: MakeApi) -> Desk:
    return await Desk(await make_api(specs=SPECS)).fill()


def path_of(item: str) -> str:
    return f"/instances/{item}/snapshots/forecast"


async def test_a_forecast_is_of_what_would_be_saved(desk: Desk) -> None:
    policy = {"snapshots": {"exclude": ["*.ckpt"]}}
    await desk.api.ok(OWNER, "PATCH", "/workspaces/team", {"policy": policy})
    item = await desk.instance()
    saved = await desk.saved(item)
    told = await desk.api.ok(OWNER, "POST", path_of(item), {"exclude": ["/opt/data"]})
    assert (told["size"], told["entries"]) == (7, 1)
    (request,) = desk.engine.asked
    assert request.exclude == ["*.ckpt", "/opt/data"]
    assert request.previous is not None
    assert request.previous.snapshot_id == saved["id"]
    assert request.snapshot_id == f"forecast-{item}"
    assert (request.target.password, request.target.token_file) == ("", "")
    await desk.api.ok(OWNER, "POST", path_of(item), {"full": True})
    assert desk.engine.asked[-1].previous is None
    assert (await desk.instance_row(item)).state == "Running"
    listed = await desk.api.ok(OWNER, "GET", f"/snapshots?instance={item}")
    assert [one["id"] for one in listed["items"]] == [saved["id"]]


async def test_a_forecast_is_for_those_who_may_save(desk: Desk) -> None:
    item, other = await desk.instance(), await desk.instance("other")
    for who in (MATE, STRANGER, instance_token(OWNER, "other")):
        answer = await desk.api.send(who, "POST", path_of(item), {})
        assert answer.status_code == 404, answer.text
    own = instance_token(OWNER, "other")
    assert (await desk.api.send(own, "POST", path_of(other), {})).status_code == 200


async def test_there_is_one_forecast_of_an_instance_at_a_time_and_few_in_all(desk: Desk) -> None:
    engine = Waits(desk.control)
    desk.engine = desk.control.engine = engine
    items = [await desk.instance(f"number-{number}") for number in range(4)]
    asking = [
        asyncio.create_task(desk.api.send(OWNER, "POST", path_of(item), {})) for item in items
    ]
    await asyncio.wait_for(engine.many.wait(), 30)
    again = await desk.api.send(OWNER, "POST", path_of(items[0]), {})
    assert again.status_code == 409
    assert "forecast of this instance is being made already" in again.json()["detail"]
    assert len(engine.asked) == forecasts.AT_ONCE
    engine.ready.set()
    assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}
    assert (await desk.api.send(OWNER, "POST", path_of(items[0]), {})).status_code == 200


async def test_who_waits_too_long_for_a_forecast_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasts, "PATIENCE", 0.05)
    monkeypatch.setattr(desk.control.forecasts, "_free", asyncio.Semaphore(0))
    answer = await desk.api.send(OWNER, "POST", path_of(await desk.instance()), {})
    assert answer.status_code == 503
    assert "Too many forecasts" in answer.json()["detail"]


async def test_helpers_of_forecasts_that_nobody_waits_for_are_swept(desk: Desk) -> None:
    item = await desk.instance()
    desk.engine.helpers[f"forecast-{item}"] = desk.engine.helpers["of somebody else"] = None  # type: ignore[assignment]
    async with desk.control.forecasts.turn(item):
        await desk.worker.sweep()
        assert len(desk.engine.helpers) == 2
    await desk.worker.sweep()
    assert list(desk.engine.helpers) == ["of somebody else"]


async def test_processes_cannot_be_saved_forecast_or_told_to_be_saved(make_api: MakeApi) -> None:
    api = await make_api(specs=SPECS)
    image = (await api.ok("root", "GET", "/images"))["items"][0]["id"]
    body = {"display_name": "x", "image": image, "spec": "one", "start": False}
    item = (await api.ok("root", "POST", "/instances", body))["id"]
    for method, path, content in (
        ("POST", path_of(item), {}),
        ("POST", f"/instances/{item}/snapshots", {"name": "x"}),
        ("POST", f"/instances/{item}/stop", {"save": True}),
        ("PATCH", f"/instances/{item}", {"save_on_stop": True}),
        ("POST", "/instances", body | {"save_on_stop": True}),
    ):
        answer = await api.send("root", method, path, content)
        assert answer.status_code == 409, answer.text
        assert "local processes, which cannot be saved as images" in answer.json()["detail"]
