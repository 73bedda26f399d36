"""Tags of a workspace: one image has each, whoever takes it, and engine and catalog agree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.catalogs import DEVELOPER, OWNER, ROOMY, SPECS, STRANGER, Catalog

from dsw_control.assets.image_removal import Discards
from dsw_control.assets.placed_tags import Tags, local_name
from dsw_control.store.tables import AuditEntry


@pytest.fixture
async def catalog(make_api: Any) -> Catalog:
    """Two teams on an engine without a registry."""
    return await Catalog(await make_api(specs=SPECS, resource_groups=ROOMY), "").fill()


async def tagged(catalog: Catalog, image: str, tag: str, who: str = DEVELOPER) -> Any:
    """Tag an image; the answer."""
    return await catalog.api.send(who, "PATCH", f"/images/{image}", {"tag": tag})


async def tags(catalog: Catalog, *images: str) -> list[str | None]:
    """The tags that images have."""
    return [(await catalog.row(image)).tag for image in images]


async def test_a_tag_moves_to_the_image_that_gets_it_and_is_written_down(catalog: Catalog) -> None:
    one, two = [await catalog.saved(DEVELOPER, name) for name in ("one", "two")]
    assert (await tagged(catalog, one, "stable")).json()["tag"] == "stable"
    assert (await tagged(catalog, two, "stable")).json()["tag"] == "stable"
    assert await tags(catalog, one, two) == [None, "stable"]
    async with catalog.control.db.read() as session:
        details = await session.scalars(
            select(AuditEntry.detail).where(AuditEntry.object_id == two)
        )
        assert {"tag": "stable", "tag_from": one} in list(details)
    assert (await tagged(catalog, two, "")).json()["tag"] is None


async def test_the_engine_shows_the_tag_where_it_is_now(catalog: Catalog) -> None:
    names = {name: f"sha256:{number:064}" for number, name in enumerate(("one", "two"))}
    one, two = [
        await catalog.saved(DEVELOPER, name, digest=digest) for name, digest in names.items()
    ]
    stable = local_name(catalog.control, catalog.team, "stable")
    worker = Tags(catalog.control)
    for image, digest in zip((one, two), names.values(), strict=True):
        await tagged(catalog, image, "stable")
        await worker.turn()
        assert catalog.shelf.named[stable] == digest
    assert stable not in catalog.shelf.removed
    await tagged(catalog, two, "")
    await worker.turn()
    assert catalog.shelf.removed == [stable]
    assert [(await catalog.row(image)).placed_tag for image in (one, two)] == [None, None]


async def test_a_deleted_image_leaves_its_tag_to_others(catalog: Catalog) -> None:
    one, two = [await catalog.saved(DEVELOPER, name, digest=f"sha256:{name}") for name in "ab"]
    await tagged(catalog, one, "stable")
    await Tags(catalog.control).turn()
    await catalog.api.ok(DEVELOPER, "DELETE", f"/images/{one}")
    assert (await tagged(catalog, two, "stable")).status_code == 200
    await Discards(catalog.control).turn()
    assert local_name(catalog.control, catalog.team, "stable") not in catalog.shelf.removed


async def test_anothers_tag_is_taken_by_who_may_change_their_image(catalog: Catalog) -> None:
    theirs = await catalog.saved(OWNER, "theirs")
    mine = await catalog.saved(DEVELOPER, "mine")
    await tagged(catalog, theirs, "stable", OWNER)
    assert (await tagged(catalog, mine, "stable")).status_code == 403
    assert await tags(catalog, theirs, mine) == ["stable", None]
    assert (await tagged(catalog, mine, "stable", OWNER)).status_code == 200
    assert await tags(catalog, theirs, mine) == [None, "stable"]


async def test_the_tags_of_other_workspaces_are_others(catalog: Catalog) -> None:
    other = (await catalog.api.ok(STRANGER, "GET", "/workspaces/other"))["id"]
    theirs = await catalog.saved(STRANGER, "theirs", workspace_id=other)
    mine = await catalog.saved(DEVELOPER, "mine")
    assert (await tagged(catalog, theirs, "stable", STRANGER)).status_code == 200
    assert (await tagged(catalog, mine, "stable")).status_code == 200
    assert (await tagged(catalog, theirs, "mine")).status_code == 404
    assert await tags(catalog, theirs, mine) == ["stable", "stable"]


async def test_of_many_who_take_a_tag_at_once_one_has_it(catalog: Catalog) -> None:
    images = [await catalog.saved(DEVELOPER, f"image {number}") for number in range(6)]
    answers = await asyncio.gather(*(tagged(catalog, image, "stable") for image in images))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(await tags(catalog, *images), key=str) == [None] * 5 + ["stable"]


@pytest.mark.parametrize(
    "tag", ["a b", "a/b", "a:b", "../a", ".a", "-a", "a\n", "x" * 129, "\u00e4"]
)
async def test_a_tag_is_one_that_registries_take(catalog: Catalog, tag: str) -> None:
    image = await catalog.saved(DEVELOPER, "one")
    assert (await tagged(catalog, image, tag)).status_code == 422
