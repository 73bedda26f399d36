"""The image catalog: images of registries, who sees and uses which, and how they go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.catalogs import (
    DEVELOPER,
    GUEST,
    OWNER,
    ROOMY,
    SPECS,
    STRANGER,
    Catalog,
)
from tests.dsw_control.odd_registries import says, served
from tests.pushes import INSTANCE, delete, has, image_config, push

from dsw.images import ImageUse
from dsw_control.assets.image_removal import Discards
from dsw_control.assets.images import login_for
from dsw_control.assets.official import OfficialImages
from dsw_control.store.tables import AuditEntry, Image, Instance

MakeCatalog = Callable[..., Awaitable[Catalog]]


@pytest.fixture
def make_catalog(make_api: Any, start_registry: Callable[..., str]) -> MakeCatalog:
    """Makes a catalog whose installation has the registry of the test."""

    async def make(**sections: Any) -> Catalog:
        address = start_registry()
        api = await make_api(
            specs=SPECS,
            resource_groups=ROOMY,
            registry={"address": address, "insecure": True},
            **sections,
        )
        return await Catalog(api, address).fill()

    return make


@pytest.fixture
async def catalog(make_catalog: MakeCatalog) -> Catalog:
    return await make_catalog()


async def test_an_added_image_is_pinned_and_described_by_what_it_says_of_itself(
    catalog: Catalog,
) -> None:
    labels = {"Labels": INSTANCE["Labels"] | {"dsw.label.os": "Debian 12"}}
    config = image_config(INSTANCE | labels | {"Env": ["PYTHON_VERSION=3.12.4"]})
    digest = push(catalog.registry, "team/torch:1", config, b"123")
    given = {"framework": "PyTorch 2.9"}
    image = await catalog.added(DEVELOPER, "torch", "team/torch:1", labels=given)
    assert image["digest"] == f"{catalog.registry}/team/torch@{digest}"
    assert image["reference"] == f"{catalog.registry}/team/torch:1"
    assert (image["source"], image["owner"], image["visibility"]) == (
        "custom",
        DEVELOPER,
        "private",
    )
    assert (image["size"], image["platform"], image["use"]) == (3, "linux/amd64", "instance")
    assert image["labels"] == {
        "framework": "PyTorch 2.9",
        "python": "3.12.4",
        "cuda": "",
        "os": "Debian 12",
    }
    assert (await catalog.start(DEVELOPER, image["id"])).status_code == 201


async def test_an_image_without_our_entry_point_is_for_jobs_and_starts_no_instance(
    catalog: Catalog,
) -> None:
    push(catalog.registry, "python:3", image_config({"Cmd": ["python3"]}))
    added = await catalog.add(DEVELOPER, "python", "python:3")
    image = added.json()
    assert image["use"] == "job"
    assert "for jobs only" in image["hint"]
    shown = await catalog.api.send(DEVELOPER, "GET", f"/images/{image['id']}")
    assert shown.headers["etag"] == added.headers["etag"]
    answer = await catalog.start(DEVELOPER, image["id"])
    assert answer.status_code == 422
    assert "'python' is for jobs only: it lacks the entry point" in answer.json()["detail"]
    assert await catalog.names(DEVELOPER, "?use=job") == ["python"]
    assert "python" not in await catalog.names(DEVELOPER, "?use=instance")


async def test_a_moved_tag_changes_nothing_and_is_told_by_the_check(catalog: Catalog) -> None:
    push(catalog.registry, "torch:1", image_config(INSTANCE))
    image = await catalog.added(DEVELOPER, "torch", "torch:1")
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image['id']}/check")
    assert (checked["available"], checked["hint"]) == (True, "")
    push(catalog.registry, "torch:1", image_config(INSTANCE | {"Env": ["NEW=1"]}))
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image['id']}/check")
    assert checked["digest"] == image["digest"]
    assert checked["available"]
    assert "torch:1 is another image by now" in checked["hint"]
    again = await catalog.added(DEVELOPER, "torch, newer", "torch:1")
    assert again["digest"] != image["digest"]


async def test_an_image_that_left_its_registry_is_found_out_and_not_started(
    catalog: Catalog,
) -> None:
    digest = push(catalog.registry, "torch:1", image_config(INSTANCE))
    image = await catalog.added(DEVELOPER, "torch", "torch:1")
    delete(catalog.registry, "torch", digest)
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image['id']}/check")
    assert not checked["available"]
    assert "registry does not have it any more" in checked["hint"]
    answer = await catalog.start(DEVELOPER, image["id"])
    assert answer.status_code == 422
    assert "neither the engine nor a registry has it" in answer.json()["detail"]
    catalog.shelf.put(image["digest"], "sha256:1", INSTANCE)
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image['id']}/check")
    assert checked["available"]
    assert "but the engine still does" in checked["hint"]


async def test_what_cannot_be_resolved_is_not_added(catalog: Catalog) -> None:
    push(catalog.registry, "arm:1", image_config(INSTANCE, architecture="arm64"))
    for repository, sentence in (
        ("never:1", "has no image"),
        ("arm:1", "The image is for linux/arm64, and this workbench runs linux/amd64."),
        ("Upper:1", "is no reference of an image"),
    ):
        answer = await catalog.add(DEVELOPER, "x", repository)
        assert answer.status_code == 422
        assert sentence in answer.json()["detail"]
    elsewhere = {"reference": "127.0.0.1:22/x:1"}
    body = {"workspace": "team", "name": "x"} | elsewhere
    answer = await catalog.api.send(DEVELOPER, "POST", "/images", body)
    assert "where images may not come from" in answer.json()["detail"]
    assert await catalog.names(DEVELOPER) == ["base"]


async def test_guests_add_nothing_and_strangers_do_not_know_the_workspace(
    catalog: Catalog,
) -> None:
    push(catalog.registry, "torch:1", image_config(INSTANCE))
    assert (await catalog.add(GUEST, "x", "torch:1")).status_code == 403
    assert (await catalog.add(STRANGER, "x", "torch:1")).status_code == 404
    answer = await catalog.add(OWNER, "x", "torch:1", visibility="public")
    assert answer.status_code == 403, "only platform administrators publish"
    assert await catalog.names(OWNER) == ["base"]


async def test_who_sees_an_image_follows_its_visibility(catalog: Catalog) -> None:
    push(catalog.registry, "torch:1", image_config(INSTANCE))
    image = await catalog.added(DEVELOPER, "torch", "torch:1")
    path = f"/images/{image['id']}"

    async def who_sees() -> set[str]:
        people = (DEVELOPER, OWNER, GUEST, STRANGER, ADMIN)
        seen = {who for who in people if "torch" in await catalog.names(who)}
        for who in people:
            status = (await catalog.api.send(who, "GET", path)).status_code
            assert status == (200 if who in seen else 404)
        return seen

    assert await who_sees() == {DEVELOPER, OWNER, ADMIN}
    await catalog.api.ok(DEVELOPER, "PATCH", path, {"visibility": "workspace"})
    assert await who_sees() == {DEVELOPER, OWNER, GUEST, ADMIN}
    for who in (DEVELOPER, OWNER):
        answer = await catalog.api.send(who, "PATCH", path, {"visibility": "public"})
        assert answer.status_code == 403
    await catalog.api.ok(ADMIN, "PATCH", path, {"visibility": "public"})
    assert await who_sees() == {DEVELOPER, OWNER, GUEST, STRANGER, ADMIN}
    assert (await catalog.start(STRANGER, image["id"], "other")).status_code == 201
    for who in (DEVELOPER, OWNER, STRANGER):
        answer = await catalog.api.send(who, "PATCH", path, {"name": "mine"})
        assert answer.status_code == 403, "what is everybody's is the administrators'"
    await catalog.api.ok(ADMIN, "PATCH", path, {"visibility": "private"})
    assert await who_sees() == {DEVELOPER, OWNER, ADMIN}


async def test_a_member_who_left_or_is_disabled_sees_nothing_of_the_workspace(
    catalog: Catalog,
) -> None:
    await catalog.saved(DEVELOPER, "mine")
    await catalog.saved(OWNER, "shared", visibility="workspace")
    assert {"mine", "shared"} <= set(await catalog.names(DEVELOPER))
    member = f"/workspaces/team/members/{DEVELOPER}"
    await catalog.api.ok(OWNER, "PUT", member, {"roles": ["developer"], "disabled": True})
    assert await catalog.names(DEVELOPER) == ["base"]
    await catalog.api.ok(OWNER, "PUT", member, {"roles": ["developer"]})
    assert {"mine", "shared"} <= set(await catalog.names(DEVELOPER))
    await catalog.api.ok(OWNER, "DELETE", member)
    assert await catalog.names(DEVELOPER) == ["base"]


async def test_members_change_their_own_images_and_admins_all(catalog: Catalog) -> None:
    mine = await catalog.saved(OWNER, "mine", visibility="workspace")
    path = f"/images/{mine}"
    for who, status in ((DEVELOPER, 403), (GUEST, 403), (STRANGER, 404)):
        for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
            assert (await catalog.api.send(who, method, path, body)).status_code == status
        assert (await catalog.api.send(who, "POST", f"{path}/check")).status_code == status
    assert (await catalog.row(mine)).name == "mine"
    theirs = await catalog.saved(DEVELOPER, "theirs")
    changed = await catalog.api.ok(
        OWNER, "PATCH", f"/images/{theirs}", {"labels": {"cuda": "12.6"}, "description": "d"}
    )
    assert (changed["labels"]["cuda"], changed["description"]) == ("12.6", "d")
    official = (await catalog.api.ok(OWNER, "GET", "/images?source=official"))["items"][0]
    for who in (OWNER, ADMIN):
        answer = await catalog.api.send(who, "PATCH", f"/images/{official['id']}", {"name": "x"})
        assert answer.status_code == 409
        answer = await catalog.api.send(who, "DELETE", f"/images/{official['id']}")
        assert answer.status_code == 409


async def test_a_change_is_refused_when_somebody_was_quicker(catalog: Catalog) -> None:
    mine = await catalog.saved(OWNER, "mine")
    path = f"/images/{mine}"
    tag = (await catalog.api.send(OWNER, "GET", path)).headers["etag"]
    await catalog.api.ok(OWNER, "PATCH", path, {"name": "first"})
    answer = await catalog.api.send(OWNER, "PATCH", path, {"name": "x"}, {"If-Match": tag})
    assert answer.status_code == 412
    answer = await catalog.api.send(OWNER, "DELETE", path, headers={"If-Match": tag})
    assert answer.status_code == 412
    assert (await catalog.row(mine)).name == "first"


async def test_ids_of_another_workspace_answer_404_and_change_nothing(catalog: Catalog) -> None:
    mine = await catalog.saved(DEVELOPER, "mine", visibility="workspace")
    path = f"/images/{mine}"
    before = await catalog.row(mine)
    for method, where, body in (
        ("GET", path, None),
        ("PATCH", path, {"visibility": "public"}),
        ("DELETE", path, None),
        ("POST", f"{path}/check", None),
        ("GET", f"{path}/usage", None),
        ("GET", f"{path}/lineage", None),
    ):
        answer = await catalog.api.send(STRANGER, method, where, body)
        assert answer.status_code == 404, (method, where)
    for workspace in ("team", "other"):
        assert (await catalog.start(STRANGER, mine, workspace)).status_code == 404
    # In the other workspace it is unknown to those who know it here, too.
    await catalog.api.ok(STRANGER, "PUT", "/workspaces/other/members/bob", {"roles": ["admin"]})
    assert (await catalog.start(DEVELOPER, mine, "other")).status_code == 404
    after = await catalog.row(mine)
    columns = [column.key for column in Image.__table__.columns]
    assert [getattr(after, key) for key in columns] == [getattr(before, key) for key in columns]


async def test_the_policy_of_a_workspace_decides_what_is_listed_and_started(
    catalog: Catalog,
) -> None:
    push(catalog.registry, "torch:1", image_config(INSTANCE))
    custom = await catalog.added(OWNER, "torch", "torch:1", visibility="workspace")
    saved = await catalog.saved(OWNER, "saved", visibility="workspace")
    own = await catalog.saved(DEVELOPER, "own")

    async def allow(*images: str) -> None:
        body = {"policy": {"images": list(images)}}
        await catalog.api.ok(OWNER, "PATCH", "/workspaces/team", body)

    only_here = "?workspace=team"
    assert set(await catalog.names(GUEST, only_here)) == {"base", "torch", "saved"}
    await allow("official")
    assert await catalog.names(GUEST, only_here) == ["base"]
    assert set(await catalog.names(DEVELOPER, only_here)) == {"base", "own"}, "one's own"
    assert len(await catalog.names(OWNER, only_here)) == 4, "admins see what they manage"
    for image in (custom["id"], saved, own):
        answer = await catalog.start(DEVELOPER, image)
        assert answer.status_code == 403
        assert "is not allowed in this workspace" in answer.json()["detail"]
    await allow("snapshot", custom["id"])
    assert set(await catalog.names(GUEST, only_here)) == {"torch", "saved"}
    assert (await catalog.start(DEVELOPER, custom["id"])).status_code == 201
    assert "base" in await catalog.names(GUEST), "of use in the default workspace"


async def test_the_list_is_filtered(catalog: Catalog) -> None:
    for name, labels in (
        ("a", {"python": "3.11.4", "framework": "PyTorch 2.9", "os": "Debian 12"}),
        ("b", {"python": "3.110", "framework": "PyTorchish", "cuda": "12.6"}),
        ("100% C", {"python": "3.11"}),
    ):
        await catalog.saved(OWNER, name, labels=labels)
    everything = await catalog.names(OWNER)
    assert everything == ["base", "100% C", "b", "a"], "official ones, then the newest"
    for query, names in (
        ("python=3.11", ["100% C", "a"]),
        ("python=3", everything[1:]),
        ("framework=pytorch", ["a"]),
        ("framework=PyTorch+2.9", ["a"]),
        ("os=debian", ["a"]),
        ("cuda=12", ["b"]),
        ("python=3.1_", []),
        ("name=%25", ["100% C"]),
        ("name=_", []),
        ("name=c", ["100% C"]),
        ("source=official", ["base"]),
        ("source=snapshot&visibility=private", everything[1:]),
        ("visibility=public", ["base"]),
        ("use=instance", everything),
    ):
        assert await catalog.names(OWNER, f"?{query}") == names, query
    answer = await catalog.api.send(OWNER, "GET", "/images?sources=official")
    assert answer.status_code == 422


async def test_the_lineage_goes_up_and_down_and_leaves_out_what_is_hidden(
    catalog: Catalog,
) -> None:
    base = (await catalog.api.ok(OWNER, "GET", "/images?source=official"))["items"][0]["id"]
    one = await catalog.saved(OWNER, "one", base, visibility="workspace")
    hidden = await catalog.saved(OWNER, "hidden", one)
    two = await catalog.saved(DEVELOPER, "two", hidden)
    await catalog.saved(DEVELOPER, "three", two)
    await catalog.saved(OWNER, "aside", base)

    async def lineage(who: str, image_id: str) -> list[str]:
        found = await catalog.api.ok(who, "GET", f"/images/{image_id}/lineage")
        return [item["name"] for item in found["items"]]

    assert await lineage(DEVELOPER, two) == ["base", "one", "two", "three"]
    assert await lineage(OWNER, two) == ["base", "one", "hidden", "two", "three"]
    assert await lineage(GUEST, one) == ["base", "one"]
    assert await lineage(STRANGER, base) == ["base"]
    await catalog.api.ok(OWNER, "DELETE", f"/images/{one}")
    found = await catalog.api.ok(OWNER, "GET", f"/images/{hidden}/lineage")
    assert [(item["name"], bool(item["retired_at"])) for item in found["items"]] == [
        ("base", False),
        ("one", True),
        ("hidden", False),
        ("two", False),
        ("three", False),
    ]
    usage = await catalog.api.ok(DEVELOPER, "GET", f"/images/{base}/usage")
    assert usage == {"instances": [], "others": 0, "children": [one]}


async def test_usage_names_ones_own_instances_and_counts_those_of_others(
    catalog: Catalog,
) -> None:
    shared = await catalog.saved(OWNER, "shared", visibility="workspace")
    for who in (OWNER, DEVELOPER):
        assert (await catalog.start(who, shared)).status_code == 201
    path = f"/images/{shared}/usage"
    usage = await catalog.api.ok(DEVELOPER, "GET", path)
    assert (usage["instances"], usage["others"]) == (["bob/x"], 1)
    usage = await catalog.api.ok(GUEST, "GET", path)
    assert (usage["instances"], usage["others"]) == ([], 2)
    for who in (OWNER, ADMIN):
        usage = await catalog.api.ok(who, "GET", path)
        assert (usage["instances"], usage["others"]) == (["ada/x", "bob/x"], 0)


async def test_an_image_in_use_stays_and_one_that_is_not_goes(catalog: Catalog) -> None:
    shared = await catalog.saved(DEVELOPER, "shared", visibility="workspace")
    made = (await catalog.start(OWNER, shared)).json()["id"]
    answer = await catalog.api.send(DEVELOPER, "DELETE", f"/images/{shared}")
    assert answer.status_code == 409
    assert "in use by instances: 1 of others." in answer.json()["detail"]
    answer = await catalog.api.send(OWNER, "DELETE", f"/images/{shared}")
    assert "in use by instances: ada/x." in answer.json()["detail"]
    async with catalog.control.db.write() as session:
        (await session.get_one(Instance, made)).deleted_at = catalog.control.clock()
    await catalog.api.ok(DEVELOPER, "DELETE", f"/images/{shared}")
    assert (await catalog.start(OWNER, shared)).status_code == 404
    assert (await catalog.api.send(DEVELOPER, "DELETE", f"/images/{shared}")).status_code == 404
    assert "shared" not in await catalog.names(OWNER)
    assert (await catalog.api.ok(OWNER, "GET", f"/images/{shared}"))["retired_at"]
    async with catalog.control.db.read() as session:
        lines = await session.scalars(select(AuditEntry).where(AuditEntry.object_id == shared))
        assert [(line.actor, line.action) for line in lines] == [(DEVELOPER, "image.delete.own")]


async def test_a_deleted_image_leaves_engine_and_registry_also_after_a_restart(
    catalog: Catalog,
) -> None:
    digest = push(catalog.registry, "dsw/ws/saved:1", image_config(INSTANCE))
    name = f"{catalog.registry}/dsw/ws/saved@{digest}"
    saved = await catalog.saved(OWNER, "saved", digest=name, reference=name)
    catalog.shelf.down = True
    await catalog.api.ok(OWNER, "DELETE", f"/images/{saved}")
    assert catalog.control.wake_discards.is_set()
    await Discards(catalog.control).turn()
    assert has(catalog.registry, "dsw/ws/saved", digest)
    assert (await catalog.row(saved)).discard
    # Another process knows of it by the row alone.
    catalog.shelf.down = False
    await Discards(catalog.control).turn()
    assert catalog.shelf.removed == [name]
    assert not has(catalog.registry, "dsw/ws/saved", digest)
    assert not (await catalog.row(saved)).discard
    await Discards(catalog.control).turn()
    assert catalog.shelf.removed == [name], "once"


async def test_what_a_container_uses_or_another_row_is_stays_in_the_engine(
    catalog: Catalog,
) -> None:
    push(catalog.registry, "torch:1", image_config(INSTANCE))
    one = await catalog.added(OWNER, "one", "torch:1")
    two = await catalog.added(DEVELOPER, "two", "torch:1")
    await catalog.api.ok(OWNER, "DELETE", f"/images/{one['id']}")
    await Discards(catalog.control).turn()
    assert catalog.shelf.removed == []
    assert has(catalog.registry, "torch", "1"), "what users named is never deleted there"
    catalog.shelf.in_use.add(two["digest"])
    await catalog.api.ok(DEVELOPER, "DELETE", f"/images/{two['id']}")
    await Discards(catalog.control).turn()
    assert (await catalog.row(two["id"])).discard
    catalog.shelf.in_use.clear()
    await Discards(catalog.control).turn()
    assert catalog.shelf.removed == [two["digest"]]
    assert has(catalog.registry, "torch", "1")


@pytest.mark.parametrize(("status", "is_done"), [(405, True), (403, True), (503, False)])
async def test_a_registry_that_deletes_nothing_is_no_error_for_people(
    make_api: Any, status: int, is_done: bool
) -> None:
    with served(lambda *_: says({}, status)) as there:
        api = await make_api(registry={"address": there.address, "insecure": True})
        catalog = await Catalog(api, there.address).fill()
        name = f"{there.address}/dsw/saved@sha256:{'a' * 64}"
        saved = await catalog.saved(OWNER, "saved", digest=name, reference=name)
        await api.ok(OWNER, "DELETE", f"/images/{saved}")
        await Discards(catalog.control).turn()
        assert [path for path, _ in there.asked] == [f"/v2/dsw/saved/manifests/sha256:{'a' * 64}"]
    assert (await catalog.row(saved)).discard is not is_done


async def test_a_saved_image_is_pulled_with_the_own_login_and_a_users_reference_never(
    make_api: Any, tmp_path: Any
) -> None:
    secret = tmp_path / "secrets/registry"
    secret.parent.mkdir(mode=0o700, exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text("the-own-password")
    own = {"address": "registry.example.org", "username": "dsw"}
    catalog = await Catalog(await make_api(registry=own), "registry.example.org").fill()
    digest = f"registry.example.org/dsw/ws/x@sha256:{'a' * 64}"
    saved = await catalog.saved(OWNER, "saved", digest=digest)
    elsewhere = await catalog.saved(OWNER, "elsewhere", digest=digest.replace("example", "evil"))
    custom = await catalog.saved(OWNER, "custom", digest=digest, source="custom")
    local = await catalog.saved(OWNER, "local only", digest="sha256:1")
    async with catalog.control.db.read() as session:
        found = {
            key: await login_for(session, catalog.control, await session.get_one(Image, key))
            for key in (saved, elsewhere, custom, local)
        }
    assert found[saved] is not None
    assert (found[saved].username, found[saved].secret) == ("dsw", "the-own-password")
    assert [found[key] for key in (elsewhere, custom, local)] == [None, None, None]


async def test_official_images_come_from_the_engine_or_else_from_their_registry(
    make_catalog: MakeCatalog,
) -> None:
    catalog = await make_catalog()
    digest = push(catalog.registry, "tools/lab:1", image_config(INSTANCE))
    named = f"{catalog.registry}/tools/lab:1"
    official = [
        {"name": "base", "reference": "jupyterhub-dsw/base:latest"},
        {"name": "lab", "reference": named},
    ]
    control = catalog.control
    control.settings = control.settings.model_validate(
        control.settings.model_dump() | {"images": {"official": official}}
    )
    catalog.shelf.put("jupyterhub-dsw/base:latest", "sha256:one", INSTANCE)
    turns = OfficialImages(control)
    await turns.turn()
    items = (await catalog.api.ok(OWNER, "GET", "/images"))["items"]
    assert [(item["name"], item["digest"], item["use"]) for item in items] == [
        ("base", "sha256:one", "instance"),
        ("lab", f"{catalog.registry}/tools/lab@{digest}", "instance"),
    ]
    lab = items[1]
    push(catalog.registry, "tools/lab:1", image_config(INSTANCE | {"Env": ["NEW=1"]}))
    catalog.shelf.put("jupyterhub-dsw/base:latest", "sha256:two", {"Labels": {}})
    await turns.turn()
    items = (await catalog.api.ok(OWNER, "GET", "/images"))["items"]
    assert [(item["digest"], item["use"]) for item in items] == [
        ("sha256:two", "job"),
        (lab["digest"], "instance"),
    ], "a rebuilt image is another row; a registry is asked once"
    assert items[1]["id"] == lab["id"]
    catalog.shelf.put(named, "sha256:pulled", INSTANCE)
    await turns.turn()
    items = (await catalog.api.ok(OWNER, "GET", "/images"))["items"]
    assert items[1]["digest"] == "sha256:pulled", "what the operator pulled comes first"


async def test_an_official_image_that_is_nowhere_is_shown_and_not_started(
    make_catalog: MakeCatalog,
) -> None:
    catalog = await make_catalog()
    with served(lambda *_: says({}, 404)) as there:
        official = [
            {"name": "lab", "reference": f"{there.address}/lab:1"},
            # Whoever has this name at a public registry is not asked.
            {"name": "base", "reference": "jupyterhub-dsw/base:latest"},
        ]
        control = catalog.control
        control.settings = control.settings.model_validate(
            control.settings.model_dump()
            | {"images": {"official": official}}
            | {"registry": {"address": there.address, "insecure": True}}
        )
        turns = OfficialImages(control)
        for _ in range(3):
            await turns.turn()
        assert len(there.asked) == 1, "not every fifteen seconds"
    items = (await catalog.api.ok(OWNER, "GET", "/images"))["items"]
    assert [(item["name"], item["available"]) for item in items] == [
        ("lab", False),
        ("base", False),
    ]
    assert (await catalog.start(OWNER, items[0]["id"])).status_code == 422


async def test_without_containers_there_are_no_images_to_add(catalog: Catalog) -> None:
    catalog.shelf.isolated = False
    answer = await catalog.add(OWNER, "torch", "torch:1")
    assert answer.status_code == 409
    assert "local processes, which have no images" in answer.json()["detail"]
    (local,) = (await catalog.api.ok(OWNER, "GET", "/images"))["items"]
    assert local["use"] == ImageUse.INSTANCE


async def test_adding_twice_with_one_key_asks_for_one_image(catalog: Catalog) -> None:
    digest = push(catalog.registry, "torch:1", image_config(INSTANCE))
    body = {"workspace": "team", "name": "t", "reference": f"{catalog.registry}/torch:1"}
    key = {"Idempotency-Key": "once"}
    one = (await catalog.api.send(OWNER, "POST", "/images", body, key)).json()
    delete(catalog.registry, "torch", digest)
    two = await catalog.api.send(OWNER, "POST", "/images", body, key)
    assert (two.status_code, two.json()["id"]) == (201, one["id"])
    async with catalog.control.db.read() as session:
        count = await session.scalar(select(func.count()).where(Image.source == "custom"))
    assert count == 1
