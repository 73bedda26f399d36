"""Archives of images over the API: who may, how bytes come and go, what is left of a refusal."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.catalogs import DEVELOPER, GUEST, OWNER, ROOMY, SPECS, STRANGER, Catalog
from tests.pushes import INSTANCE

from dsw.archives import ArchiveRequest, ArchiveResult, ArchiveStep
from dsw.names import image_tag
from dsw_agent.archives import Helper, attempt
from dsw_control import transfer_files
from dsw_control.engines.base import HelperStatus
from dsw_control.engines.docker_archives import archive_file, work_folder
from dsw_control.transfer_worker import TransferWorker

LAYER = b"a layer, which for an engine would be a tar file"
ENDED = ("Ready", "Failed", "Cancelled")


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def config_of(*layers: bytes, run: Any = None, **changes: Any) -> bytes:
    """An image's configuration."""
    tree = {"os": "linux", "architecture": "amd64", "config": INSTANCE if run is None else run}
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}
    return json.dumps(tree | {"rootfs": rootfs} | changes).encode()


def tar_of(members: dict[str, bytes]) -> bytes:
    """A tar file of these."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def oci(config: bytes, *packed: bytes, **more: bytes) -> bytes:
    """An OCI archive of an image with these compressed layers; `more` replaces blobs by digest."""
    kind = "application/vnd.oci.image"

    def about(content: bytes, media: str) -> dict[str, Any]:
        media_type = f"{kind}.{media}"
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    layers = [about(layer, "layer.v1.tar+gzip") for layer in packed]
    manifest = json.dumps(
        {"schemaVersion": 2, "config": about(config, "config.v1+json"), "layers": layers}
    ).encode()
    index = {"schemaVersion": 2, "manifests": [about(manifest, "manifest.v1+json")]}
    blobs = {digest_of(part): part for part in (config, manifest, *packed)} | more
    members = {f"blobs/sha256/{digest[7:]}": part for digest, part in blobs.items()}
    layout = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    return tar_of(layout | {"index.json": json.dumps(index).encode()} | members)


GOOD = oci(config_of(LAYER), gzip.compress(LAYER))


class InProcess:
    """Does the helper's steps here and now, but those of engine and skopeo, which it pretends."""

    def __init__(self, catalog: Catalog) -> None:
        self.settings, self.shelf = catalog.control.settings, catalog.shelf
        self.done: dict[str, HelperStatus] = {}
        self.steps: list[ArchiveStep] = []
        self.asked: list[ArchiveRequest] = []
        self.down = False

    async def start(self, transfer_id: str, asked: ArchiveRequest, auth: str) -> None:
        self.steps.append(asked.step)
        self.asked.append(asked)
        work = work_folder(self.settings, transfer_id)
        work.mkdir(parents=True, exist_ok=True)
        result = ArchiveResult()
        if asked.step is ArchiveStep.UNPACK:
            helper = Helper(work, work, archive_file(self.settings, transfer_id))
            result = await asyncio.to_thread(attempt, helper, asked)
        elif asked.step is ArchiveStep.PACK:
            (work / "archive.tar").write_bytes(GOOD)
        elif asked.step is ArchiveStep.LOAD:
            self.shelf.put(asked.name, f"sha256:{'1' * 64}", INSTANCE)
        self.done[transfer_id] = HelperStatus(step=asked.step, result=result)

    async def status(self, transfer_id: str) -> HelperStatus | None:
        return self.done.get(transfer_id)

    async def remove(self, transfer_id: str) -> None:
        self.done.pop(transfer_id, None)

    async def ids(self) -> list[str]:
        return list(self.done)


@pytest.fixture
async def catalog(make_api: Any) -> Catalog:
    """Two teams on an engine without a registry."""
    made = await Catalog(await make_api(specs=SPECS, resource_groups=ROOMY), "").fill()
    made.shelf.archives = InProcess(made)
    return made


async def begun(catalog: Catalog, size: int, who: str = DEVELOPER, **more: Any) -> str:
    """The path of an import that waits for its bytes."""
    body = {"workspace": "team", "name": "brought", "size": size} | more
    made = await catalog.api.ok(who, "POST", "/images/import", body)
    assert (made["state"], made["kind"]) == ("Receiving", "import")
    return f"/images/transfers/{made['id']}"


async def put(
    catalog: Catalog,
    path: str,
    content: bytes | AsyncIterator[bytes],
    offset: int = 0,
    who: str = DEVELOPER,
) -> Any:
    """Send bytes; the answer."""
    http = catalog.api._http
    url = f"{catalog.api.root}{path}/content?offset={offset}"
    return await http.put(url, content=content, headers={"Authorization": f"Bearer user-{who}"})


async def driven(catalog: Catalog, path: str, who: str = DEVELOPER) -> dict[str, Any]:
    """Turn the worker until the transfer has ended; its view."""
    worker = TransferWorker(catalog.control)
    for _ in range(10):
        await worker.turn()
        view: dict[str, Any] = await catalog.api.ok(who, "GET", path)
        if view["state"] in ENDED:
            return view
    raise AssertionError(f"it does not end: {view}")


async def imported(catalog: Catalog, archive: bytes, **more: Any) -> dict[str, Any]:
    """Bring in an archive; how that ended."""
    path = await begun(catalog, len(archive), **more)
    assert (await put(catalog, path, archive)).status_code == 200
    return await driven(catalog, path)


def left(catalog: Catalog) -> list[str]:
    """What transfers have on disk."""
    folder = Path(catalog.control.settings.data_dir) / "transfers"
    return sorted(os.listdir(folder)) if folder.exists() else []


async def test_an_archive_becomes_a_private_image_and_nothing_else_stays(catalog: Catalog) -> None:
    view = await imported(catalog, GOOD, tag="stable", description="From home")
    assert view["state"] == "Ready", view
    image = await catalog.api.ok(DEVELOPER, "GET", f"/images/{view['image_id']}")
    assert (image["source"], image["visibility"], image["tag"]) == ("custom", "private", "stable")
    assert (image["platform"], image["use"]) == ("linux/amd64", "instance")
    tag = image_tag("main", view["id"])
    assert (image["reference"], image["digest"]) == (tag, f"sha256:{'1' * 64}")
    assert left(catalog) == []
    assert catalog.shelf.archives.done == {}
    assert (await catalog.start(DEVELOPER, view["image_id"])).status_code == 201
    assert (await catalog.api.send(GUEST, "GET", f"/images/{view['image_id']}")).status_code == 404


async def test_an_upload_goes_on_where_it_ended_and_nowhere_else(catalog: Catalog) -> None:
    path = await begun(catalog, len(GOOD))
    half = len(GOOD) // 2
    assert (await put(catalog, path, GOOD[:half])).json()["bytes_done"] == half
    assert (await catalog.api.ok(DEVELOPER, "GET", path))["bytes_done"] == half
    for offset in (0, half - 1, half + 1):
        answer = await put(catalog, path, GOOD[half:], offset)
        assert answer.status_code == 409
        assert f"offset={half}" in answer.json()["detail"]
    assert (await put(catalog, path, GOOD[half:], half)).json()["state"] == "Working"
    assert (await put(catalog, path, b"more", len(GOOD))).status_code == 409
    assert (await driven(catalog, path))["state"] == "Ready"


async def test_more_than_was_announced_is_refused_and_what_fitted_is_kept(catalog: Catalog) -> None:
    path = await begun(catalog, 10)
    answer = await put(catalog, path, b"x" * 11)
    assert answer.status_code == 422
    assert "announced" in answer.json()["detail"]
    assert (await catalog.api.ok(DEVELOPER, "GET", path))["state"] == "Receiving"


async def test_an_archive_may_be_larger_than_other_bodies_and_comes_in_pieces(
    catalog: Catalog,
) -> None:
    size = 5 * 2**20
    path = await begun(catalog, size)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // 2**16):
            yield b"\0" * 2**16

    assert (await put(catalog, path, pieces())).status_code == 200
    assert (await catalog.api.ok(DEVELOPER, "GET", path))["bytes_done"] == size
    for who, status in ((STRANGER, 404), (GUEST, 404), (OWNER, 404)):
        assert (await put(catalog, path, b"x", size, who)).status_code == status
    body = {"name": "x" * 2**20}
    assert (await catalog.api.send(OWNER, "POST", "/images/import", body)).status_code == 413


async def test_two_requests_at_once_do_not_mix_their_bytes(catalog: Catalog) -> None:
    path = await begun(catalog, 4)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"aa"
        entered.set()
        await leave.wait()
        yield b"aa"

    first = asyncio.create_task(put(catalog, path, slow()))
    await entered.wait()
    second = await put(catalog, path, b"bbbb")
    assert second.status_code == 409
    leave.set()
    assert (await first).json()["state"] == "Working"
    transfer = path.rpartition("/")[2]
    assert archive_file(catalog.control.settings, transfer).read_bytes() == b"aaaa"


BOMB = gzip.compress(b"\0" * 2**24)
EVIL = {
    "no archive at all": (b"\x7fELF" * 500, "no tar archive"),
    "compressed as a whole": (gzip.compress(GOOD), "no tar archive"),
    "cut off": (GOOD[:2000], "not a whole one"),
    "no image": (tar_of({"etc/passwd": b"root"}), "no image is in it"),
    "a blob with another content": (
        oci(config_of(LAYER), gzip.compress(LAYER), **{digest_of(gzip.compress(LAYER)): b"other"}),
        "not the one that its configuration names",
    ),
    "a config with another content": (
        oci(config_of(LAYER), gzip.compress(LAYER), **{digest_of(config_of(LAYER)): b"{}"}),
        "not what it is named by",
    ),
    "a layer that the config does not name": (
        oci(config_of(b"another"), gzip.compress(LAYER)),
        "not the one that its configuration names",
    ),
    "a layer too many": (oci(config_of(), gzip.compress(LAYER)), "different layers"),
    "a damaged layer": (oci(config_of(LAYER), gzip.compress(LAYER)[:-9]), "damaged"),
    "another platform": (
        oci(config_of(LAYER, architecture="s390x"), gzip.compress(LAYER)),
        "is for linux/s390x",
    ),
    "a preloaded library": (
        oci(config_of(LAYER, run=INSTANCE | {"Env": ["LD_PRELOAD=/x.so"]}), gzip.compress(LAYER)),
        "LD_PRELOAD",
    ),
    "an audited loader": (
        oci(config_of(LAYER, run=INSTANCE | {"Env": ["LD_AUDIT=/x.so"]}), gzip.compress(LAYER)),
        "LD_AUDIT",
    ),
    "a config that is no config": (oci(b"[]"), "rootfs"),
    "no json": (tar_of({"index.json": b"{" * 100_000}), "cannot be read"),
    "a digest that is a path": (
        tar_of({"index.json": b'{"manifests": [{"digest": "sha256:../../etc/passwd"}]}'}),
        "no digest",
    ),
    "docker's format with a wrong layer": (
        tar_of(
            {
                "manifest.json": b'[{"Config": "c.json", "Layers": ["l.tar"]}]',
                "c.json": config_of(LAYER),
                "l.tar": b"another",
            }
        ),
        "not the one that its configuration names",
    ),
    "docker's format with a path": (
        tar_of({"manifest.json": b'[{"Config": "../../../etc/passwd", "Layers": []}]'}),
        "has no file",
    ),
    "two images": (tar_of({"manifest.json": b"[{}, {}]"}), "one only"),
}


@pytest.mark.parametrize("name", EVIL)
async def test_of_an_archive_that_is_refused_nothing_stays(catalog: Catalog, name: str) -> None:
    archive, sentence = EVIL[name]
    view = await imported(catalog, archive, tag="mine")
    assert view["state"] == "Failed", view
    assert sentence in view["message"], view
    assert view["image_id"] is None
    assert left(catalog) == []
    assert "brought" not in await catalog.names(DEVELOPER)
    assert image_tag("main", view["id"]) not in catalog.shelf.images
    assert not {ArchiveStep.LOAD, ArchiveStep.PUSH} & set(catalog.shelf.archives.steps)


async def test_an_image_that_swells_is_refused_before_it_fills_the_disk(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_files, "free", lambda _: 2**20)
    monkeypatch.setattr("dsw_control.transfer_steps.free", lambda _: 2**20)
    view = await imported(catalog, oci(config_of(b"\0" * 2**24), BOMB))
    assert (view["state"], left(catalog)) == ("Failed", [])
    assert "larger than this workbench has room for" in view["message"]


async def test_what_does_not_fit_on_the_disk_is_not_begun(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_files, "free", lambda _: 3 * 2**20)
    body = {"workspace": "team", "name": "large", "size": 2**20 + 1}
    answer = await catalog.api.send(DEVELOPER, "POST", "/images/import", body)
    assert answer.status_code == 409
    assert "There is no room for an archive of 1.0 MiB" in answer.json()["detail"]
    await begun(catalog, 2**20)
    # What has begun has its room already.
    assert (
        await catalog.api.send(DEVELOPER, "POST", "/images/import", body | {"size": 1})
    ).status_code == 409


async def test_nobody_has_more_than_a_few_transfers_under_way(catalog: Catalog) -> None:
    for _ in range(3):
        await begun(catalog, 10)
    body = {"workspace": "team", "name": "one more", "size": 10}
    assert (await catalog.api.send(DEVELOPER, "POST", "/images/import", body)).status_code == 409
    await begun(catalog, 10, OWNER)


async def test_a_restart_goes_on_at_the_step_where_it_was(catalog: Catalog) -> None:
    path = await begun(catalog, len(GOOD))
    await put(catalog, path, GOOD)
    for _ in range(10):
        # Each turn is of a control that has just started.
        await TransferWorker(catalog.control).turn()
        await TransferWorker(catalog.control).sweep()
    assert (await catalog.api.ok(DEVELOPER, "GET", path))["state"] == "Ready"
    steps = catalog.shelf.archives.steps
    assert steps == [ArchiveStep.UNPACK, ArchiveStep.REPACK, ArchiveStep.LOAD]


async def test_a_helper_that_vanishes_is_started_again_for_its_step(catalog: Catalog) -> None:
    path = await begun(catalog, len(GOOD))
    await put(catalog, path, GOOD)
    worker = TransferWorker(catalog.control)
    await worker.turn()
    await worker.turn()
    catalog.shelf.archives.done.clear()
    assert (await driven(catalog, path))["state"] == "Ready"
    steps = catalog.shelf.archives.steps
    assert steps == [ArchiveStep.UNPACK, ArchiveStep.REPACK, ArchiveStep.REPACK, ArchiveStep.LOAD]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_what_is_cancelled_at_any_step_leaves_nothing(catalog: Catalog, turns: int) -> None:
    path = await begun(catalog, len(GOOD))
    await put(catalog, path, GOOD)
    worker = TransferWorker(catalog.control)
    for _ in range(turns):
        await worker.turn()
    await catalog.api.ok(DEVELOPER, "DELETE", path)
    view = await driven(catalog, path)
    assert (view["state"], view["image_id"]) == ("Cancelled", None)
    assert left(catalog) == []
    assert catalog.shelf.images == {}
    await catalog.api.ok(DEVELOPER, "DELETE", path)
    assert (await catalog.api.send(DEVELOPER, "GET", path)).status_code == 404


async def exported(catalog: Catalog) -> tuple[str, str]:
    """The path of an export that is ready, and the image's id."""
    image = await catalog.saved(DEVELOPER, "torch", digest=f"sha256:{'2' * 64}", size=1000)
    made = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image}/export")
    path = f"/images/transfers/{made['id']}"
    view = await driven(catalog, path)
    assert (view["state"], view["size"], view["bytes_done"]) == ("Ready", len(GOOD), len(GOOD))
    assert view["expires_at"]
    return path, image


async def test_an_export_is_downloaded_whole_or_in_parts(catalog: Catalog) -> None:
    path, _ = await exported(catalog)
    assert catalog.shelf.archives.steps == [ArchiveStep.SAVE, ArchiveStep.PACK]
    answer = await catalog.api.send(DEVELOPER, "GET", f"{path}/content")
    assert answer.content == GOOD
    assert answer.headers["content-length"] == str(len(GOOD))
    assert 'filename="torch.tar"' in answer.headers["content-disposition"]
    part = await catalog.api.send(
        DEVELOPER, "GET", f"{path}/content", headers={"Range": "bytes=1000-"}
    )
    assert (part.status_code, part.content) == (206, GOOD[1000:])
    for who in (OWNER, ADMIN, STRANGER, GUEST):
        for method, route in (("GET", f"{path}/content"), ("GET", path), ("DELETE", path)):
            assert (await catalog.api.send(who, method, route)).status_code == 404


async def test_an_export_is_deleted_after_a_day_and_an_upload_that_stands_still_too(
    catalog: Catalog,
) -> None:
    path, _ = await exported(catalog)
    waits = await begun(catalog, 100)
    await put(catalog, waits, b"x")
    worker = TransferWorker(catalog.control)
    await worker.sweep()
    assert len(left(catalog)) == 2
    now = catalog.control.clock()
    catalog.control.clock = lambda: now + timedelta(hours=25)
    await worker.sweep()
    assert left(catalog) == []
    assert (await catalog.api.send(DEVELOPER, "GET", path)).status_code == 404
    assert (await catalog.api.ok(DEVELOPER, "GET", waits))["state"] == "Cancelled"


async def test_what_a_crash_leaves_on_disk_is_swept(catalog: Catalog) -> None:
    folder = Path(catalog.control.settings.data_dir) / "transfers"
    (folder / "xfer-aaaaaaaaaaaa" / "layout").mkdir(parents=True)
    (folder / "xfer-bbbbbbbbbbbb.tar").write_bytes(b"x")
    catalog.shelf.archives.done["xfer-aaaaaaaaaaaa"] = HelperStatus(step=ArchiveStep.UNPACK)
    await TransferWorker(catalog.control).sweep()
    assert (left(catalog), catalog.shelf.archives.done) == ([], {})


async def test_only_members_export_and_no_official_image(catalog: Catalog) -> None:
    image = await catalog.saved(OWNER, "secret", digest=f"sha256:{'2' * 64}")
    shared = await catalog.saved(OWNER, "shared", visibility="public")
    official = (await catalog.api.ok(ADMIN, "GET", "/images?source=official"))["items"]
    for who, key, status in (
        (DEVELOPER, image, 404),
        (STRANGER, image, 404),
        (STRANGER, shared, 403),
        (GUEST, shared, 403),
    ):
        answer = await catalog.api.send(who, "POST", f"/images/{key}/export")
        assert answer.status_code == status, answer.text
    for one in official:
        assert (
            await catalog.api.send(OWNER, "POST", f"/images/{one['id']}/export")
        ).status_code == 409


async def test_a_member_who_leaves_has_no_transfers_any_more(catalog: Catalog) -> None:
    path, _ = await exported(catalog)
    await catalog.api.ok(OWNER, "DELETE", f"/workspaces/team/members/{DEVELOPER}")
    assert (await catalog.api.send(DEVELOPER, "GET", f"{path}/content")).status_code == 404
    assert (await catalog.api.ok(DEVELOPER, "GET", "/images/transfers"))["items"] == []
