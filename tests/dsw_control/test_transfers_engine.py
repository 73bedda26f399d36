"""Images that go out and come in as archives, through the real helper, engine and registry."""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import _built
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.catalogs import ROOMY, SPECS
from tests.dsw_control.registry_worlds import token_world
from tests.dsw_control.test_transfers import config_of, oci, tar_of

from dsw_control.assets.image_removal import Discards
from dsw_control.transfer_worker import TransferWorker

pytestmark = [
    pytest.mark.docker,
    pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True),
]

MINUTES = 3 * 60


@pytest.fixture(scope="module")
def agent_image() -> str:
    """The helper's image, as the sources are now."""
    return _built("agent")


@pytest.fixture(params=["engine", "registry"])
async def api(
    request: pytest.FixtureRequest,
    make_api: Any,
    start_registry: Callable[..., str],
    migrated_url: str,
    agent_image: str,
    tmp_path: Path,
) -> AsyncIterator[Api]:
    """A control on the real engine, without a registry and with one that trusts its tokens."""
    more = {
        "engine": {"kind": "docker"},
        "installation": f"x{secrets.token_hex(4)}",
        "images": {"official": [], "agent": agent_image},
    }
    async with AsyncExitStack() as stack:
        if request.param == "registry":
            world = token_world(make_api, start_registry, tmp_path, migrated_url, **more)
            made = (await stack.enter_async_context(world)).api
        else:
            made = await make_api(specs=SPECS, resource_groups=ROOMY, **more)
        await made.ok(ADMIN, "POST", "/workspaces", {"name": "team", "owner": ADMIN})
        yield made
        archives = made.control.engine.archives
        assert archives is not None
        assert await archives.ids() == []


async def ended(api: Api, path: str) -> dict[str, Any]:
    """Turn the worker until the transfer has ended; its view."""
    worker = TransferWorker(api.control)
    async with asyncio.timeout(MINUTES):
        while True:
            await worker.turn()
            view: dict[str, Any] = await api.ok(ADMIN, "GET", path)
            if view["state"] not in ("Receiving", "Working"):
                return view
            await asyncio.sleep(0.1)


async def brought(api: Api, archive: bytes) -> dict[str, Any]:
    """Import an archive; how that ended."""
    body = {"workspace": "team", "name": "brought", "size": len(archive)}
    path = f"/images/transfers/{(await api.ok(ADMIN, 'POST', '/images/import', body))['id']}"
    url = f"{api.root}{path}/content"
    await api._http.put(url, content=archive, headers={"Authorization": f"Bearer user-{ADMIN}"})
    return await ended(api, path)


def an_archive() -> bytes:
    """An image of one layer that no other test has."""
    layer = tar_of({"hello": secrets.token_bytes(1000)})
    return oci(config_of(layer, run={"Cmd": ["/hello"]}), gzip.compress(layer))


async def test_an_archive_comes_in_goes_out_comes_in_again_and_is_deleted(api: Api) -> None:
    first = await brought(api, an_archive())
    assert first["state"] == "Ready", first
    image = await api.ok(ADMIN, "GET", f"/images/{first['image_id']}")
    assert (image["platform"], image["use"]) == ("linux/amd64", "job")
    checked = await api.ok(ADMIN, "POST", f"/images/{first['image_id']}/check")
    assert checked["available"], checked

    made = await api.ok(ADMIN, "POST", f"/images/{first['image_id']}/export")
    out = await ended(api, f"/images/transfers/{made['id']}")
    assert out["state"] == "Ready", out
    content = await api.send(ADMIN, "GET", f"/images/transfers/{made['id']}/content")
    assert len(content.content) == out["size"]

    again = await brought(api, content.content)
    assert again["state"] == "Ready", again
    for one in (first, again):
        await api.ok(ADMIN, "DELETE", f"/images/{one['image_id']}")
    await Discards(api.control).turn()
    for one in (first, again):
        row = await api.ok(ADMIN, "GET", f"/images/{one['image_id']}")
        assert await api.control.engine.image(row["reference"]) is None
