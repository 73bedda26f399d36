"""From the request for a snapshot to the image in the catalog, with a helper that a test leads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.saving import (
    MATE,
    OWNER,
    REPORT,
    SPECS,
    STRANGER,
    Desk,
    Helpers,
    history,
    moving,
)
from tests.pushes import INSTANCE, MANIFEST, image_config, push
from tests.stub_hub import instance_token

from dsw.agent import REPORT_FILE, SBOM_FILE
from dsw.plan import RegistryLogin
from dsw.snapshots import SnapshotState
from dsw_control import push_progress, snapshot_worker
from dsw_control.context import Control
from dsw_control.engines.base import Progress, unheard
from dsw_control.snapshot_folders import REPORT_MAX
from dsw_control.store.tables import Image, ImageRecord, Instance


@pytest.fixture
async def desk(make_api: MakeApi) -> Desk:
    return await Desk(await make_api(specs=SPECS)).fill()


async def test_the_helper_is_asked_for_what_was_asked_and_what_the_workspace_says(
    desk: Desk,
) -> None:
    policy = {"snapshots": {"exclude": ["*.ckpt"], "secrets": "block"}}
    await desk.api.ok(OWNER, "PATCH", "/workspaces/team", {"policy": policy})
    item = await desk.instance()
    snapshot = await desk.begun(item, exclude=["/opt/data"], mode="live")
    request = desk.engine.requests[snapshot]
    assert request.exclude == ["*.ckpt", "/opt/data"]
    assert (request.secrets, request.mode, request.previous) == ("block", "live", None)
    assert (request.container, request.lowers) == (f"box-of-{item}", ["/top", "/bottom"])
    assert (request.home, request.freezer) == ("/home-there", "/freezer-there")
    assert request.work == str(desk.work(item))
    assert desk.engine.folder(snapshot).is_dir()
    assert request.target.kind == "engine"
    assert (await desk.instance_row(item)).state == "Saving"


async def test_progress_and_each_state_that_was_passed_are_shown(desk: Desk) -> None:
    item = await desk.instance()
    snapshot = await desk.begun(item)
    path = f"/snapshots/{snapshot}"
    desk.engine.say(
        snapshot,
        moving(SnapshotState.COPYING, 10, rate=5, seconds_left=18),
        moving(SnapshotState.COPYING, 40, rate=10, seconds_left=6),
    )
    await desk.worker.turn()
    shown = await desk.api.ok(OWNER, "GET", path)
    assert (shown["state"], shown["bytes_done"], shown["bytes_total"]) == ("Copying", 40, 100)
    assert (shown["rate"], shown["seconds_left"], shown["frozen_ms"]) == (10, 6, None)
    # A freeze is shorter than the time between two looks.
    desk.engine.say(
        snapshot,
        moving(SnapshotState.FREEZING, 90),
        moving(SnapshotState.PUSHING, 95, frozen_ms=120),
        moving(SnapshotState.PUSHING, 99),
    )
    await desk.worker.turn()
    shown = await desk.api.ok(OWNER, "GET", path)
    assert (shown["state"], shown["bytes_done"], shown["frozen_ms"]) == ("Pushing", 99, 120)
    await desk.worker.turn()
    desk.engine.make(snapshot)
    shown = await desk.ended(snapshot)
    assert (shown["state"], shown["rate"], shown["seconds_left"]) == ("Saved", None, None)
    assert shown["frozen_ms"] == 12
    events = (await desk.api.ok(OWNER, "GET", f"{path}/events"))["items"]
    assert [event["state"] for event in events] == [
        "Preparing",
        "Copying",
        "Freezing",
        "Pushing",
        "Saved",
    ]
    assert (await desk.instance_row(item)).state == "Running"


async def test_what_the_helper_found_out_is_kept_with_the_image(desk: Desk) -> None:
    item = await desk.instance()
    done = await desk.saved(item, tag="stable")
    assert done["message"] == "Left out: /root/.netrc"
    image = await desk.api.ok(OWNER, "GET", f"/images/{done['image_id']}")
    assert (image["tag"], image["parent_id"]) == ("stable", desk.image)
    told = await desk.api.ok(OWNER, "GET", f"/images/{image['id']}/report")
    assert told["report"]["packages"] == [package.model_dump() for package in REPORT.packages]
    assert (told["snapshot_id"], told["has_sbom"]) == (done["id"], True)
    restore = told["restore"]
    assert restore["image_digest"] == image["digest"]
    assert restore["spec"] == "one"
    targets = {"/mnt/workspace", "/mnt/shared"}
    assert {mount["target"] for mount in restore["mounts"]} == targets
    assert "DSW_INSTANCE_ID" in restore["environment"]
    assert item not in str(restore), "names of variables, not what they hold"
    sbom = await desk.api.send(OWNER, "GET", f"/images/{image['id']}/sbom")
    assert sbom.headers["content-type"] == "application/vnd.cyclonedx+json"
    assert sbom.headers["content-disposition"].startswith("attachment;")
    assert sbom.json()["bomFormat"] == "CycloneDX"
    assert desk.engine.helpers == {}
    assert (desk.work(item) / "index").read_text() == done["id"]
    assert [path.name for path in desk.work(item).iterdir()] == ["index"]


@pytest.mark.parametrize("who", [MATE, STRANGER])
async def test_a_report_is_for_those_who_see_the_image(desk: Desk, who: str) -> None:
    done = await desk.saved(await desk.instance())
    for part in ("report", "sbom"):
        answer = await desk.api.send(who, "GET", f"/images/{done['image_id']}/{part}")
        assert answer.status_code == 404, answer.text


async def test_an_instance_learns_what_is_reported_of_images_saved_from_it(desk: Desk) -> None:
    item = await desk.instance()
    done = await desk.saved(item)
    path = f"/images/{done['image_id']}"
    own = instance_token(OWNER, (await desk.instance_row(item)).name)
    assert (await desk.api.ok(own, "GET", f"{path}/report"))["snapshot_id"] == done["id"]
    assert (await desk.api.send(own, "GET", f"{path}/sbom")).status_code == 403
    for other in (instance_token(OWNER, "another"), instance_token(MATE, "train")):
        assert (await desk.api.send(other, "GET", f"{path}/report")).status_code == 404
    assert (await desk.api.send(own, "GET", f"/images/{desk.image}/report")).status_code == 404


async def test_an_image_that_was_not_saved_here_has_no_report(desk: Desk) -> None:
    answer = await desk.api.send(OWNER, "GET", f"/images/{desk.image}/report")
    assert answer.status_code == 404
    assert "Nothing is recorded of the image" in answer.json()["detail"]


def _too_large(file: Path) -> None:
    with file.open("wb") as out:
        out.truncate(REPORT_MAX + 1)


def _a_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize(
    "spoil",
    [
        _too_large,
        _a_link,
        _a_pipe,
        Path.unlink,
        lambda file: file.write_text("not JSON"),
        lambda file: file.write_text('{"size": {"a": 1}}'),
        lambda file: file.write_text("[" * 100_000),
        lambda file: file.write_bytes(b"\xff\xfe\x00"),
    ],
    ids=["too large", "a link", "a pipe", "none", "no JSON", "other", "deep", "no text"],
)
async def test_an_image_is_saved_whatever_its_helper_wrote_about_it(
    desk: Desk, spoil: Callable[[Path], Any]
) -> None:
    item = await desk.instance()
    snapshot = await desk.begun(item)
    desk.engine.make(snapshot)
    for name in (REPORT_FILE, SBOM_FILE):
        spoil(desk.engine.folder(snapshot) / name)
    done = await desk.ended(snapshot)
    assert done["state"] == "Saved"
    told = await desk.api.ok(OWNER, "GET", f"/images/{done['image_id']}/report")
    assert told["report"]["packages"] == []
    assert [one["path"] for one in told["report"]["left_out"]] == ["/root/.netrc"]
    assert told["has_sbom"] is False
    answer = await desk.api.send(OWNER, "GET", f"/images/{done['image_id']}/sbom")
    assert answer.status_code == 404


async def test_what_a_report_says_beyond_its_model_is_dropped(desk: Desk) -> None:
    snapshot = await desk.begun(await desk.instance())
    left = '[{"path": "/a\\u0000\\ud83d\\ude00", "reason": "x", "run": "rm"}]'
    desk.engine.make(snapshot, report=f'{{"size": 3, "evil": 1, "left_out": {left}}}')
    done = await desk.ended(snapshot)
    async with desk.control.db.read() as session:
        record = await session.get_one(ImageRecord, done["image_id"])
    assert "evil" not in record.report
    assert record.report["left_out"] == [{"path": "/a\0\U0001f600", "reason": "x"}]


async def test_the_next_snapshot_builds_on_the_last_whose_image_is_there(desk: Desk) -> None:
    item = await desk.instance()
    first, second = await desk.saved(item), await desk.saved(item)
    third = await desk.begun(item)
    previous = desk.engine.requests[third].previous
    assert previous is not None
    assert previous.model_dump() == {
        "snapshot_id": second["id"],
        "image": desk.engine.digest(second["id"]),
    }
    await desk.api.ok(OWNER, "POST", f"/snapshots/{third}/cancel")
    await desk.ended(third)
    assert (desk.work(item) / "index").read_text() == second["id"]
    await desk.api.ok(OWNER, "DELETE", f"/images/{second['image_id']}")
    fourth = await desk.begun(item)
    previous = desk.engine.requests[fourth].previous
    assert previous is not None
    assert previous.snapshot_id == first["id"]
    desk.engine.end(fourth, SnapshotState.FAILED, 1, reason="DiskFull", message="Full.")
    assert (await desk.ended(fourth))["message"] == "Full."
    full = await desk.begun(item, full=True)
    assert desk.engine.requests[full].previous is None
    other = await desk.begun(await desk.instance("other"))
    assert desk.engine.requests[other].previous is None


async def test_only_layers_that_snapshots_here_made_are_counted(desk: Desk) -> None:
    first = await desk.saved(await desk.instance())
    made, foreign = f"dsw-agent snapshot {first['id']}", "dsw-agent snapshot snap-aaaaaaaaaaaa"
    item = await desk.instance("second", image=first["image_id"])
    counted = {}
    for layers in (
        ("apt", made),
        ("apt", made, made),
        ("apt", made, foreign, made),
        ("apt", made, "RUN pip"),
        ("apt", foreign),
        (),
    ):
        desk.engine.base_config = history(*layers)
        snapshot = await desk.begun(item)
        counted[layers] = desk.engine.requests[snapshot].base_saved
        await desk.api.ok(OWNER, "POST", f"/snapshots/{snapshot}/cancel")
        await desk.ended(snapshot)
    assert list(counted.values()) == [1, 2, 1, 0, 0, 0]
    desk.engine.base_config = history("apt", made)
    official = await desk.begun(await desk.instance("third"))
    assert desk.engine.requests[official].base_saved == 0


async def test_a_tag_moves_to_the_image_that_was_saved_last(desk: Desk) -> None:
    one, two = await desk.instance("one"), await desk.instance("two")
    first, second = await desk.begun(one, tag="stable"), await desk.begun(two, tag="stable")
    desk.engine.make(first)
    desk.engine.make(second)
    ended = [await desk.ended(snapshot) for snapshot in (first, second)]
    assert [item["state"] for item in ended] == ["Saved", "Saved"]
    assert sorted(filter(None, [image.tag for image in await desk.images()])) == ["stable"]
    third = await desk.saved(one, tag="stable")
    tagged = [image.id for image in await desk.images() if image.tag]
    assert tagged == [third["image_id"]]


async def test_nobody_takes_a_tag_from_anothers_image(desk: Desk) -> None:
    await desk.saved(await desk.instance(), tag="stable")
    item = await desk.instance("mates", MATE)
    path = f"/instances/{item}/snapshots"
    answer = await desk.api.send(MATE, "POST", path, {"name": "x", "tag": "stable"})
    assert answer.status_code == 403, answer.text
    mine = await desk.saved(item, MATE, tag="mine")
    taken = await desk.saved(await desk.instance("owners"), tag="mine")
    tags = {image.id: image.tag for image in await desk.images()}
    assert (tags[mine["image_id"]], tags[taken["image_id"]]) == (None, "mine")


async def test_a_second_snapshot_of_an_instance_is_refused(desk: Desk) -> None:
    item = await desk.instance()
    path = f"/instances/{item}/snapshots"
    answers = await asyncio.gather(
        *(desk.api.send(OWNER, "POST", path, {"name": str(number)}) for number in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409]


PHASES: dict[str, Callable[[Helpers, str], Any]] = {
    "just begun": lambda engine, key: None,
    "copying": lambda engine, key: engine.say(key, moving(SnapshotState.COPYING, 5)),
    "frozen": lambda engine, key: engine.say(key, moving(SnapshotState.FREEZING, 5)),
    "pushing": lambda engine, key: engine.say(key, moving(SnapshotState.PUSHING, 5)),
    "ready": lambda engine, key: engine.make(key),
}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("method", "path", "state"),
    [
        ("POST", "/snapshots/{snapshot}/cancel", "Running"),
        ("POST", "/instances/{item}/stop", "Stopping"),
        ("DELETE", "/instances/{item}", "Deleting"),
    ],
    ids=["cancelled", "stopped", "deleted"],
)
async def test_what_is_cancelled_in_any_phase_leaves_nothing(
    desk: Desk, phase: str, method: str, path: str, state: str
) -> None:
    item = await desk.instance()
    snapshot = await desk.begun(item)
    await desk.worker.turn()
    PHASES[phase](desk.engine, snapshot)
    if phase != "ready":
        await desk.worker.turn()
    await desk.api.ok(OWNER, method, path.format(snapshot=snapshot, item=item))
    done = await desk.ended(snapshot)
    assert (done["state"], done["image_id"]) == ("Cancelled", None)
    assert desk.engine.helpers == {}
    assert await desk.images() == []
    assert list(desk.work(item).iterdir()) == []
    if phase == "ready":
        async with desk.control.db.read() as session:
            left = await session.scalar(select(Image).where(Image.source == "snapshot"))
        assert left is not None
        assert left.discard, "what was ready is removed from engine and registry"
    assert (await desk.instance_row(item)).state == state


async def test_one_that_has_not_begun_is_cancelled_without_a_helper(desk: Desk) -> None:
    item = await desk.instance()
    snapshot = await desk.ask(item)
    await desk.api.ok(OWNER, "POST", f"/snapshots/{snapshot}/cancel")
    assert (await desk.ended(snapshot))["state"] == "Cancelled"
    assert desk.engine.began == []
    answer = await desk.api.send(OWNER, "POST", f"/snapshots/{snapshot}/cancel")
    assert answer.status_code == 409


async def test_a_helper_that_is_gone_or_was_killed_fails_its_snapshot(desk: Desk) -> None:
    item = await desk.instance()
    snapshot = await desk.begun(item)
    desk.engine.say(snapshot, moving(SnapshotState.COPYING, 5))
    await desk.worker.turn()
    del desk.engine.helpers[snapshot]
    assert "The helper was removed before" in (await desk.ended(snapshot))["message"]
    second = await desk.begun(item)
    desk.engine.make(second)
    # It was killed when its image was tagged, before it could say so.
    desk.engine.end(second, SnapshotState.PUSHING, 137)
    done = await desk.ended(second)
    assert (done["state"], done["reason"]) == ("Failed", "HelperEnded")
    assert desk.engine.tag(second) not in desk.engine.images
    assert (await desk.instance_row(item)).state == "Running"


async def test_a_helper_that_does_not_end_when_it_was_asked_to_is_killed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = await desk.begun(await desk.instance())

    async def ignores(_snapshot: str) -> None:
        """It hangs."""

    monkeypatch.setattr(desk.engine, "cancel_agent", ignores)
    await desk.api.ok(OWNER, "POST", f"/snapshots/{snapshot}/cancel")
    await desk.worker.turn()
    assert (await desk.row(snapshot)).state == "Preparing"
    monkeypatch.setattr(snapshot_worker, "PATIENCE", 0)
    assert (await desk.ended(snapshot))["state"] == "Cancelled"
    assert desk.engine.helpers == {}


class PushesSlowly(Helpers):
    """Takes the image below in two steps; the second one when a test says so."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self.second = asyncio.Event()

    async def push(
        self,
        digest: str,
        repository: str,
        tag: str,
        login: RegistryLogin | None,
        progress: Progress = unheard,
    ) -> str:
        """Three of ten bytes, and later the others."""
        progress(3, 10)
        await self.second.wait()
        return await super().push(digest, repository, tag, login, progress)


async def test_the_image_below_is_seen_on_its_way_to_the_registry(
    make_api: MakeApi, start_registry: Callable[..., str]
) -> None:
    registry = {"address": start_registry(), "insecure": True, "prefix": "ours"}
    desk = await Desk(await make_api(specs=SPECS, registry=registry)).fill()
    desk.engine = desk.control.engine = engine = PushesSlowly(desk.control)
    snapshot = await desk.ask(await desk.instance())
    turn = asyncio.create_task(desk.worker.turn())

    async def on_its_way() -> bool:
        shown = await desk.api.ok(OWNER, "GET", f"/snapshots/{snapshot}")
        seen = shown["state"], shown["bytes_done"], shown["bytes_total"], shown["message"]
        return seen == ("Preparing", 3, 10, push_progress.MESSAGE)

    await desk.until(on_its_way)
    engine.second.set()
    await desk.until(lambda: desk._has_helper(snapshot))
    await turn
    shown = await desk.api.ok(OWNER, "GET", f"/snapshots/{snapshot}")
    assert (shown["bytes_done"], shown["bytes_total"], shown["message"]) == (0, None, "")


async def test_what_a_killed_helper_had_pushed_is_removed_from_the_registry(
    make_api: MakeApi, start_registry: Callable[..., str]
) -> None:
    address = start_registry()
    registry = {"address": address, "insecure": True, "prefix": "ours"}
    desk = await Desk(await make_api(specs=SPECS, registry=registry)).fill()
    item = await desk.instance()
    workspace = (await desk.instance_row(item)).workspace_id
    async with desk.control.db.write() as session:
        (await session.get_one(Image, desk.image)).platform = "linux/amd64"
    snapshot = await desk.begun(item)
    assert desk.engine.requests[snapshot].target.repository == f"{address}/ours/{workspace}"
    config = image_config(INSTANCE)
    digest = push(address, f"ours/{workspace}:{snapshot}", config, b"layer")
    url = f"http://{address}/v2/ours/{workspace}/manifests/{digest}"
    async with httpx.AsyncClient(headers={"Accept": MANIFEST}) as http:
        assert (await http.get(url)).status_code == 200
        desk.engine.end(snapshot, SnapshotState.PUSHING, 137)
        assert (await desk.ended(snapshot))["reason"] == "HelperEnded"
        assert (await http.get(url)).status_code == 404


async def test_an_engine_that_does_not_answer_ends_nothing(desk: Desk) -> None:
    snapshot = await desk.begun(await desk.instance())
    desk.engine.down = True
    await desk.worker.turn()
    assert (await desk.row(snapshot)).state == "Preparing"
    desk.engine.down = False
    desk.engine.make(snapshot)
    assert (await desk.ended(snapshot))["state"] == "Saved"


async def test_what_is_kept_for_an_instance_goes_with_it(desk: Desk) -> None:
    item, other = await desk.instance(), await desk.instance("other")
    await desk.saved(item)
    await desk.saved(other)
    async with desk.control.db.write() as session:
        (await session.get_one(Instance, item)).deleted_at = desk.control.clock()
    desk.work("dsw-aaaaaaaaaaaa").mkdir()
    await desk.worker.sweep()
    kept = [path.name for path in desk.work(item).parent.iterdir()]
    assert kept == [other]
