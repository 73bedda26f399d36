"""`dsw snapshots` and what is done with saved images, against a running control whose engine has
helpers that a test leads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.dsw.terminals import Terminal, running_control
from tests.dsw_control.saving import REPORT, SBOM, Helpers, moving
from tests.polling import eventually

from dsw.agent import AgentRequest
from dsw.cli.progress import Patience
from dsw.errors import RemoteError, Unavailable
from dsw.image_config import CONTRACT, ENTRY_POINT, LABEL_INSTANCE, RunConfig, read_config
from dsw.image_report import Finding, Folder, Forecast, LeftOut, PackageChange
from dsw.lifecycle import ContainerView
from dsw.snapshots import SnapshotState, SnapshotView
from dsw_control.engines.base import EngineImage

NUMBERS = count(1)
FORECAST = Forecast(
    size=3 * 1024**2,
    entries=25113,
    folders=[Folder(path="/opt/tools", size=1024**2, entries=300)],
    packages=[
        PackageChange(manager="pip", name="torch", after="2.9"),
        PackageChange(manager="apt", name="git", before="2.39", after="2.47"),
        PackageChange(manager="conda", name="perl", before="5.32"),
    ],
    left_out=[LeftOut(path="/root/.ssh", reason="credentials")],
    more_left_out=9,
)
OURS = RunConfig(Entrypoint=[ENTRY_POINT], Labels={LABEL_INSTANCE: CONTRACT})
REFUSED = LeftOut(path="/opt/x/.wh.config", reason="its name means a deletion")


class LedEngine(Helpers):
    """Has every image, and foretells what the test says."""

    forecast = FORECAST

    async def image(self, reference: str) -> EngineImage | None:
        """All are there, and instances can run from them."""
        config = read_config("linux", "amd64", OURS)
        return EngineImage(digest=reference, size=7, config=config)

    async def run_forecast(self, request: AgentRequest) -> Forecast:
        """What the test says."""
        await super().run_forecast(request)
        return self.forecast


@pytest.fixture(scope="module")
def engines() -> list[LedEngine]:
    """The engine, once control runs."""
    return []


@pytest.fixture(scope="module")
def control_url(
    engines: list[LedEngine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a control process answers that has this engine."""

    def make(control: object) -> LedEngine:
        engines.append(LedEngine(control))  # type: ignore[arg-type]
        return engines[0]

    with running_control(tmp_path_factory.mktemp("control"), make) as url:
        yield url


@pytest.fixture
def engine(control_url: str, engines: list[LedEngine]) -> LedEngine:
    """What leads the helpers."""
    engines[0].forecast = FORECAST
    return engines[0]


@pytest.fixture
def instance(dsw: Terminal, engine: LedEngine) -> Iterator[str]:
    """The name of an instance that runs; it is gone afterwards."""
    name = f"train-{next(NUMBERS)}"
    made = dsw.json("instances", "create", name, "--spec", "small", "--no-wait")
    engine.boxes[made["id"]] = ContainerView.RUNNING
    with dsw.client() as api:
        assert eventually(lambda: api.instance(made["id"]).state == "Running", 20)
        yield name
        api.delete_instance(made["id"])


def begun(dsw: Terminal, engine: LedEngine) -> SnapshotView:
    """The newest snapshot, once its helper is there."""
    with dsw.client() as api:
        assert eventually(lambda: (items := api.snapshots()) and items[0].id in engine.helpers, 20)
        return api.snapshots()[0]


def saved(dsw: Terminal, engine: LedEngine, instance: str, name: str) -> str:
    """The id of an image that an instance was saved as."""
    dsw.ok("snapshots", "create", instance, name, "--no-wait")
    snapshot = begun(dsw, engine)
    engine.make(snapshot.id)
    with dsw.client() as api:
        assert eventually(lambda: api.snapshot(snapshot.id).image_id, 20)
        return api.snapshot(snapshot.id).image_id or ""


def test_a_forecast_says_what_would_be_shipped(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    text = dsw.ok("snapshots", "forecast", instance, "--exclude", "*.log", "--exclude", "/opt/x")
    assert "3 MiB in 25,113 entries" in text
    assert "/opt/tools" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["packages", "+", "pip", "torch", "2.9"] in lines
    assert ["~", "apt", "git", "2.39", "->", "2.47"] in lines
    assert ["-", "conda", "perl", "5.32"] in lines
    assert ["and", "9", "more"] in lines
    assert engine.asked[-1].exclude == ["*.log", "/opt/x"]
    assert dsw.json("snapshots", "forecast", instance) == FORECAST.model_dump(mode="json")


def test_it_asks_on_a_terminal_and_nothing_is_saved_without_consent(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    result = dsw("snapshots", "create", instance, "image", typed="n\n")
    assert result.status == 1
    assert "3 MiB in 25,113 entries" in result.err
    assert f"Save '{instance}' as 'image'?" in result.err
    assert dsw.json("snapshots", "list", "--instance", instance) == []
    text = dsw.ok("snapshots", "create", instance, "image", "--no-wait", typed="y\n")
    assert "Preparing" in text
    engine.make(begun(dsw, engine).id)


def test_what_is_asked_for_reaches_the_helper(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    words = ("--mode", "live", "--exclude", "*.ckpt", "--full", "--tag", "latest", "--yes")
    words = (*words, "--description", "with tools", "--no-wait")
    made = dsw.json("snapshots", "create", instance, "image", *words, typed="")
    request = engine.requests[begun(dsw, engine).id]
    assert (made["mode"], made["description"]) == ("live", "with tools")
    assert (request.mode, request.exclude, request.previous) == ("live", ["*.ckpt"], None)
    engine.make(made["id"])


def test_what_no_image_can_hold_is_told_before_anything_is_saved(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    engine.forecast = FORECAST.model_copy(update={"refused": [REFUSED]})
    said = dsw.refused("snapshots", "create", instance, "image", "--yes")
    assert "No image can hold /opt/x/.wh.config: its name means a deletion." in said
    assert "--exclude" in said
    assert dsw.json("snapshots", "list", "--instance", instance) == []


def test_it_waits_until_the_image_is_in_the_catalog(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    process = dsw.started("snapshots", "create", instance, "waited for")
    snapshot = begun(dsw, engine)
    engine.say(snapshot.id, moving(SnapshotState.COPYING, 40, rate=10, seconds_left=6))
    engine.make(snapshot.id)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith(f"{snapshot.id}  Saved  image img-")
    assert "Saved as image “waited for”" in err
    assert "paused for 0.012 s" in err


def test_what_looks_like_a_secret_is_told_at_the_end(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    key = Finding(path="/opt/keys.txt", line=3, kind="AWS Access Key")
    process = dsw.started("snapshots", "create", instance, "with a key", "--tag", f"of-{instance}")
    report = REPORT.model_copy(update={"findings": [key], "unscanned": 1})
    engine.make(begun(dsw, engine).id, report=report.model_dump_json())
    _, err = process.communicate(timeout=60)
    said = "This looks like secrets, and is in the image:\n/opt/keys.txt:3: AWS Access Key\n"
    assert f"{said}1 file was not looked into\n" in err
    assert "/opt/keys.txt:3" in dsw.ok("images", "report", f"of-{instance}")


def test_a_tag_does_not_stand_for_another_images_id(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    mine = saved(dsw, engine, instance, f"mine {instance}")
    other = saved(dsw, engine, instance, f"other {instance}")
    dsw.ok("images", "tag", other, mine)
    assert dsw.json("images", "report", mine)["image_id"] == mine
    dsw.ok("images", "tag", other, f"torch-{instance}")
    assert dsw.json("images", "report", f"torch-{instance}")["image_id"] == other


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and what was said on standard error."""
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, " ".join(err.split())


def test_ctrl_c_cancels_and_waits_for_that(dsw: Terminal, engine: LedEngine, instance: str) -> None:
    process = dsw.started("snapshots", "create", instance, "interrupted")
    snapshot = begun(dsw, engine)
    engine.say(snapshot.id, moving(SnapshotState.COPYING, 40))
    os.kill(process.pid, signal.SIGINT)
    status, said = ended(process)
    assert status == 130
    assert "“interrupted” was cancelled; nothing of it stays." in said
    with dsw.client() as api:
        assert api.snapshot(snapshot.id).state == "Cancelled"


def test_what_somebody_else_cancels_ends_with_1(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    process = dsw.started("snapshots", "create", instance, "cancelled")
    dsw.ok("snapshots", "cancel", begun(dsw, engine).id)
    status, said = ended(process)
    assert status == 1
    assert "Saving “cancelled” was cancelled" in said


def test_a_failure_is_told_with_its_sentence(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    process = dsw.started("snapshots", "create", instance, "failing")
    said = "The registry has no room left."
    engine.end(begun(dsw, engine).id, SnapshotState.FAILED, 1, reason="DiskFull", message=said)
    status, text = ended(process)
    assert status == 1
    assert said in text


def test_an_image_is_reported_and_its_packages_are_a_file(
    dsw: Terminal, engine: LedEngine, instance: str, tmp_path: Path
) -> None:
    image = saved(dsw, engine, instance, "reported")
    text = dsw.ok("images", "report", "reported")
    lines = [line.split() for line in text.splitlines()]
    assert ["spec", "small"] in lines
    assert ["shipped", "7", "B"] in lines
    assert dsw.json("images", "report", image)["report"]["packages"][0]["name"] == "torch"
    file = tmp_path / "sbom.json"
    dsw.ok("images", "sbom", image, "-o", str(file))
    assert json.loads(file.read_text()) == json.loads(SBOM)
    assert json.loads(dsw.ok("images", "sbom", image)) == json.loads(SBOM)
    missing = tmp_path / "nowhere" / "sbom.json"
    assert "cannot be written" in dsw.refused("images", "sbom", image, "-o", str(missing))


def test_the_like_of_an_instance_is_started_again(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    image = saved(dsw, engine, instance, f"again {instance}")
    made = dsw.json("images", "restore", image, "--name", "the like", "--no-start")
    assert (made["display_name"], made["image_id"]) == ("the like", image)
    assert (made["spec"]["name"], made["state"]) == ("small", "Stopped")


def test_an_official_image_has_no_report(dsw: Terminal, engine: LedEngine) -> None:
    assert "Nothing is recorded of" in dsw.refused("images", "report", "base")


def test_an_instance_saves_itself_at_its_stops_when_that_is_wanted(
    dsw: Terminal, engine: LedEngine, instance: str
) -> None:
    assert dsw.json("instances", "change", instance, "--save-on-stop")["save_on_stop"] is True
    dsw.ok("instances", "stop", instance, "--no-save", "--no-wait")
    with dsw.client() as api:
        [item] = api.instances(name=instance)
        assert eventually(lambda: api.instance(item.id).state == "Stopped", 20)
        assert api.snapshots(item.id) == []
    dsw.ok("instances", "start", instance, "--no-wait")
    engine.boxes[item.id] = ContainerView.RUNNING
    with dsw.client() as api:
        assert eventually(lambda: api.instance(item.id).state == "Running", 20)
    stopped = dsw("instances", "stop", instance)
    assert stopped.status == 0
    assert f"dsw snapshots list --instance {instance}" in stopped.err
    with dsw.client() as api:
        [snapshot] = api.snapshots(item.id)
    assert snapshot.automatic
    engine.make(begun(dsw, engine).id)
    changed = dsw.json("instances", "change", instance, "--no-save-on-stop")
    assert changed["save_on_stop"] is False


def test_a_control_that_is_restarted_is_waited_for_and_a_refusal_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dsw.cli.progress.POLL_SECONDS", 0)
    answers: list[object] = [Unavailable("away"), RemoteError(503, "http", "proxy"), "here"]

    def ask() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    patience = Patience(60)
    assert [patience.ask(ask, "before") for _ in range(3)] == ["before", "before", "here"]
    answers += [RemoteError(404, "not_found", "gone"), Unavailable("away")]
    with pytest.raises(RemoteError, match="gone"):
        patience.ask(ask, "before")
    with pytest.raises(Unavailable, match="away"):
        Patience(0).ask(ask, "before")
