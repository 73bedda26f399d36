"""A workspace's own registry: who sets it, where it may be, and what is done with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from sqlalchemy import select
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.catalogs import DEVELOPER, OWNER, ROOMY, SPECS, STRANGER, Catalog
from tests.dsw_control.odd_registries import says, served
from tests.pushes import INSTANCE, has, image_config, push

from dsw.agent import AgentRequest, AgentTarget
from dsw.errors import Conflict
from dsw.names import new_id
from dsw.plan import RegistryLogin
from dsw.snapshots import SnapshotState
from dsw_control import registries
from dsw_control.assets.image_removal import Discards
from dsw_control.assets.images import login_for
from dsw_control.assets.placed_tags import Tags
from dsw_control.registries import TokenFiles, credential_for, home_of, target_for
from dsw_control.registry_access import folder_of, write_token
from dsw_control.store.tables import AuditEntry, Image, Snapshot

AUTH = '\nauth: {{htpasswd: {{realm: tests, path: "{file}"}}}}\n'
USER, SECRET = "robot-of-the-team", "s3cret-of-the-tests"
OWN = {"address": "127.0.0.1:5999", "insecure": True, "username": "workbench"}
PATH = "/workspaces/team/registry"
LOCAL = f"sha256:{0:064}"


@pytest.fixture
async def catalog(
    make_api: Any, start_registry: Callable[..., str], tmp_path: Path, own_password: None
) -> Catalog:
    """Two teams, and a registry that the team's robot may write to; the installation's own is
    another one."""
    file = tmp_path / "htpasswd"
    hashed = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(5)).decode()
    file.write_text(f"{USER}:{hashed}\n")
    address = start_registry(AUTH.format(file=file))
    api = await make_api(specs=SPECS, resource_groups=ROOMY, registry=OWN)
    return await Catalog(api, address).fill()


@pytest.fixture
def own_password(tmp_path: Path) -> None:
    """Of the installation's registry."""
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    (folder / "registry").touch(mode=0o600)
    (folder / "registry").write_text("the-installations-password")


async def credential(catalog: Catalog, secret: str = SECRET, **more: Any) -> str:
    """The id of a stored credential for the registry."""
    body = {"workspace": "team", "name": "robot", "kind": "registry", "username": USER}
    body |= {"host": catalog.registry, "secret": secret} | more
    return str((await catalog.api.ok(OWNER, "POST", "/credentials", body))["id"])


async def body(catalog: Catalog, **more: Any) -> dict[str, Any]:
    """What sets the registry."""
    fields = {"address": catalog.registry, "repository": "vision/saved", "insecure": True}
    return fields | {"credential": await credential(catalog)} | more


def a_snapshot(catalog: Catalog, parent: str, **more: Any) -> Snapshot:
    """A snapshot of the team that is under way."""
    fields: dict[str, Any] = {
        "id": new_id("snap"),
        "instance_id": new_id("dsw"),
        "workspace_id": catalog.team,
        "owner": DEVELOPER,
        "name": "with torch",
        "description": "",
        "state": SnapshotState.COPYING,
        "parent_id": parent,
        "created_at": catalog.control.clock(),
    }
    return Snapshot(**fields | more)


async def saving(catalog: Catalog, **more: Any) -> Snapshot:
    """Such a snapshot, written down, of an instance whose image the engine has."""
    parent = await catalog.saved(DEVELOPER, new_id("img"), digest=LOCAL)
    async with catalog.control.db.write() as session:
        row = a_snapshot(catalog, parent, **more)
        session.add(row)
    return row


async def test_what_is_saved_goes_to_the_workspaces_registry_by_its_credential(
    catalog: Catalog,
) -> None:
    wanted = await body(catalog, compression="zstd")
    view = await catalog.api.ok(ADMIN, "PUT", PATH, wanted)
    assert view["registry"] == wanted
    assert SECRET not in str(view)
    row = await saving(catalog)
    target = await target_for(catalog.control, row, LOCAL)
    name = f"{catalog.registry}/vision/saved"
    assert (target.kind, target.repository, target.tag) == ("registry", name, row.id)
    assert (target.insecure, target.compression) == (True, "zstd")
    assert (target.username, target.password) == (USER, SECRET)
    assert SECRET not in repr(target)
    pushed = (name, row.parent_id, RegistryLogin(username=USER, secret=SECRET))
    assert catalog.shelf.pushed == [(LOCAL, *pushed)]
    assert target.base == f"{name}@{LOCAL}"
    async with catalog.control.db.read() as session:
        (told,) = await session.scalars(
            select(AuditEntry.detail)
            .where(AuditEntry.object_id == catalog.team)
            .order_by(-AuditEntry.id)
            .limit(1)
        )
    assert told == {"registry": {"address": catalog.registry, "repository": "vision/saved"}}


async def test_other_workspaces_and_what_comes_after_go_to_the_installations_registry(
    catalog: Catalog,
) -> None:
    async def place(workspace_id: str) -> str:
        async with catalog.control.db.read() as session:
            home = await home_of(session, catalog.control, workspace_id)
        assert home is not None
        return home.name

    other = (await catalog.api.ok(ADMIN, "GET", "/workspaces/other"))["id"]
    await catalog.api.ok(ADMIN, "PUT", PATH, await body(catalog))
    assert await place(catalog.team) == f"{catalog.registry}/vision/saved"
    assert await place(other) == f"127.0.0.1:5999/dsw/{other}"
    view = await catalog.api.ok(OWNER, "DELETE", PATH)
    assert view["registry"] is None
    assert await place(catalog.team) == f"127.0.0.1:5999/dsw/{catalog.team}"


async def test_it_is_tried_first_and_the_sentence_tells_what_is_wrong(catalog: Catalog) -> None:
    wrong = await credential(catalog, "a-wrong-password")
    for more, sentence in (
        ({"credential": wrong}, "does not let us push to vision/saved"),
        ({"credential": None}, "does not let us push to vision/saved"),
        ({"address": "127.0.0.1:9", "credential": None}, "does not answer"),
    ):
        answer = await catalog.api.send(ADMIN, "PUT", PATH, await body(catalog) | more)
        assert answer.status_code in (422, 503)
        assert sentence in answer.json()["detail"]
        assert "a-wrong-password" not in answer.text
    assert (await catalog.api.ok(ADMIN, "GET", "/workspaces/team"))["registry"] is None
    await catalog.api.ok(ADMIN, "PUT", PATH, await body(catalog))
    # The try leaves nothing behind.
    assert not has(catalog.registry, "vision/saved", "latest", (USER, SECRET))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.169.254:80",
        "127.0.0.1",
        "127.0.0.2:5000",
        "localhost:5000",
        "0.0.0.0:5000",
        "100.100.100.200",
        "2130706433:5000",
        "0x7f000001:5000",
    ],
)
async def test_no_workspace_reaches_into_this_machine_or_the_clouds_metadata(
    catalog: Catalog, address: str
) -> None:
    wanted = {"address": address, "repository": "a/b"}
    for who in (OWNER, ADMIN):
        answer = await catalog.api.send(who, "PUT", PATH, wanted)
        assert answer.status_code in (422, 503), answer.text
    assert (await catalog.api.ok(OWNER, "GET", "/workspaces/team"))["registry"] is None


async def test_plain_http_on_this_machine_is_for_platform_administrators(catalog: Catalog) -> None:
    wanted = await body(catalog)
    with served(lambda *_: says({})) as there:
        answer = await catalog.api.send(
            OWNER, "PUT", PATH, wanted | {"address": there.address, "credential": None}
        )
        assert answer.status_code == 403
        assert there.asked == []
    elsewhere = wanted | {"address": "registry.example.org"}
    assert (await catalog.api.send(ADMIN, "PUT", PATH, elsewhere)).status_code == 422
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted)


@pytest.mark.parametrize(
    "repository",
    ["../other", "a/../b", "/a", "a/", "A/b", "a//b", "a:b", "a@b", "a b", "", ".", "a/..", "a\n"],
)
async def test_a_repository_is_a_path_that_leads_nowhere_else(
    catalog: Catalog, repository: str
) -> None:
    answer = await catalog.api.send(ADMIN, "PUT", PATH, await body(catalog, repository=repository))
    assert answer.status_code == 422


async def test_the_installations_own_registry_is_no_workspaces(catalog: Catalog) -> None:
    wanted = {"address": OWN["address"], "repository": "dsw/ws-aaaaaaaaaaaa", "insecure": True}
    answer = await catalog.api.send(ADMIN, "PUT", PATH, wanted)
    assert answer.status_code == 422
    assert "own registry" in answer.json()["detail"]


async def test_a_credential_of_another_host_or_workspace_is_not_sent(catalog: Catalog) -> None:
    other = await credential(catalog, host="registry.example.org")
    theirs = await catalog.api.ok(
        STRANGER,
        "POST",
        "/credentials",
        {
            "workspace": "other",
            "name": "r",
            "kind": "registry",
            "host": catalog.registry,
            "secret": "x",
        },
    )
    for key, status in ((other, 422), (theirs["id"], 404)):
        wanted = await body(catalog, credential=key)
        assert (await catalog.api.send(ADMIN, "PUT", PATH, wanted)).status_code == status


async def test_only_who_manages_credentials_sets_it_and_strangers_know_nothing_of_it(
    catalog: Catalog,
) -> None:
    wanted = {"address": "registry.example.org", "repository": "a/b"}
    for who, status in ((DEVELOPER, 403), (STRANGER, 404)):
        assert (await catalog.api.send(who, "PUT", PATH, wanted)).status_code == status
        assert (await catalog.api.send(who, "DELETE", PATH)).status_code == status


async def test_it_stays_while_something_is_on_its_way_there(catalog: Catalog) -> None:
    wanted = await body(catalog)
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted)
    row = await saving(catalog)
    for method, content in (("PUT", wanted | {"repository": "x"}), ("DELETE", None)):
        answer = await catalog.api.send(ADMIN, method, PATH, content)
        assert answer.status_code == 409
        assert "with torch" in answer.json()["detail"]
    async with catalog.control.db.write() as session:
        (await session.get_one(Snapshot, row.id)).state = SnapshotState.SAVED
    await catalog.api.ok(ADMIN, "DELETE", PATH)


async def in_the_registry(catalog: Catalog, key: str | None) -> Image:
    """An image that was saved into the workspace's registry."""
    digest = push(
        catalog.registry, "vision/saved:snap-x", image_config(INSTANCE), auth=(USER, SECRET)
    )
    name = f"{catalog.registry}/vision/saved@{digest}"
    image = await catalog.saved(DEVELOPER, "saved", reference=name, digest=name, credential=key)
    return await catalog.row(image)


async def test_an_image_there_is_pulled_checked_and_deleted_with_its_credential(
    catalog: Catalog,
) -> None:
    wanted = await body(catalog)
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted)
    image = await in_the_registry(catalog, wanted["credential"])
    control = catalog.control
    async with control.db.read() as session:
        login = await login_for(session, control, image)
        kept = await credential_for(session, control, catalog.team, image.digest)
    assert login == RegistryLogin(username=USER, secret=SECRET)
    assert kept == wanted["credential"]
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image.id}/check")
    assert checked["available"]
    await catalog.api.ok(OWNER, "DELETE", PATH)
    path = f"/credentials/{wanted['credential']}"
    assert (await catalog.api.send(OWNER, "DELETE", path)).status_code == 409
    await catalog.api.ok(DEVELOPER, "DELETE", f"/images/{image.id}")
    assert (await catalog.api.send(OWNER, "DELETE", path)).status_code == 409
    await Discards(control).turn()
    assert not has(catalog.registry, "vision/saved", "snap-x", (USER, SECRET))
    await catalog.api.ok(OWNER, "DELETE", path)


async def test_a_new_credential_is_that_of_the_images_there_too(catalog: Catalog) -> None:
    wanted = await body(catalog)
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted)
    image = await in_the_registry(catalog, wanted["credential"])
    path = f"/credentials/{wanted['credential']}"
    assert "registry" in (await catalog.api.send(OWNER, "DELETE", path)).json()["detail"]
    newer = await credential(catalog)
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted | {"credential": newer})
    assert (await catalog.row(image.id)).credential == newer
    await catalog.api.ok(OWNER, "DELETE", path)


async def test_what_was_saved_to_a_registry_that_changed_meanwhile_is_no_image(
    catalog: Catalog,
) -> None:
    await catalog.api.ok(ADMIN, "PUT", PATH, await body(catalog))
    async with catalog.control.db.read() as session:
        with pytest.raises(Conflict, match="was changed"):
            await credential_for(
                session, catalog.control, catalog.team, f"{catalog.registry}/other@sha256:1"
            )
        assert await credential_for(session, catalog.control, catalog.team, LOCAL) is None


async def test_a_tag_appears_in_the_registry_and_moves_there(catalog: Catalog) -> None:
    wanted = await body(catalog)
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted)
    image = await in_the_registry(catalog, wanted["credential"])
    await catalog.api.ok(DEVELOPER, "PATCH", f"/images/{image.id}", {"tag": "stable"})
    await Tags(catalog.control).turn()
    assert has(catalog.registry, "vision/saved", "stable", (USER, SECRET))
    assert (await catalog.row(image.id)).placed_tag == "stable"


async def test_tokens_are_renewed_for_a_snapshot_that_runs_and_only_where_it_was_going(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = catalog.control
    wanted = await body(catalog)
    await catalog.api.ok(ADMIN, "PUT", PATH, wanted)
    rows = [await saving(catalog) for _ in range(3)]
    name = f"{catalog.registry}/vision/saved"
    places = (name, name, f"{catalog.registry}/another")
    for row, repository in zip(rows, places, strict=True):
        a_request(catalog, row, repository)
    async with control.db.write() as session:
        (await session.get_one(Snapshot, rows[1].id)).state = SnapshotState.FAILED
    given = registries.access_for

    async def access(*args: Any) -> Any:
        access = await given(*args)
        later = control.clock() + timedelta(minutes=5)
        return access.model_copy(update={"token": "fresh", "renew_at": later})

    monkeypatch.setattr(registries, "access_for", access)
    await TokenFiles(control).turn()
    assert [(folder_of(control, row.id) / "token").read_text() for row in rows] == [
        "fresh",
        "old",
        "old",
    ]
    os.utime(folder_of(control, rows[0].id) / "token", (2**33, 2**33))
    monkeypatch.setattr(registries, "access_for", None)
    await TokenFiles(control).turn()


def a_request(catalog: Catalog, row: Snapshot, repository: str) -> None:
    """What an agent that writes there was given, with a token that is to be renewed."""
    target = AgentTarget(
        kind="registry",
        tag=row.id,
        repository=repository,
        base=f"{catalog.registry}/vision/saved@sha256:{'0' * 64}",
        insecure=True,
    )
    folder = folder_of(catalog.control, row.id)
    write_token(folder, "old", catalog.control.clock() - timedelta(seconds=1))
    request = AgentRequest(
        snapshot_id=row.id,
        upper="/upper",
        base_image=LOCAL,
        base_config="{}",
        mounts=[],
        author=DEVELOPER,
        created=catalog.control.clock(),
        comment="",
        target=target,
    )
    (folder / "request.json").write_text(request.model_dump_json())
