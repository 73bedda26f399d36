"""The catalog of datasets over the API: who registers, sees, changes and retires what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.data_worlds import DataWorld, make_world
from tests.dsw_control.teams import audited, create, put
from tests.stub_hub import instance_token

from dsw.datasets import DataAccess
from dsw.errors import NotFound
from dsw_control.auth import Caller
from dsw_control.data.datasets import may_write, usable
from dsw_control.store.tables import Dataset, Mount

TARGETS_OF_OTHERS = [
    *("/", "/etc", "/usr/x", "/mnt/workspace", "/mnt/workspace/x", "/mnt/shared/x", "/proc"),
    *("/mnt/data", "/mnt/data/a/b", "/mnt/dynamic/x", "/mnt", "relative", "/a/../etc"),
    *("/a/%2e%2e/etc", "/a//b", "/a\\b", "/a\n", "/a/./b"),
]
WRONG_BODIES: list[dict[str, Any]] = [
    {"managed": True},
    {"host_path": "/etc"},
    {"folder": "other"},
    {"owner": "adam"},
    {"id": "ds-aaaaaaaaaaaa"},
    {"kind": "file"},
    {"name": "../x"},
    {"name": "a/b"},
    {"name": ""},
    {"name": "x\0"},
    {"labels": {"../x": "1"}},
    {"labels": {"a": "x\n"}},
    {"access": "rwx"},
    {"credential": "cred-../../x"},
]


@pytest.fixture
async def world(make_api: MakeApi, tmp_path: Path) -> DataWorld:
    return await make_world(make_api, tmp_path / "mnt")


async def names(world: DataWorld, who: str | dict[str, str], query: str = "") -> list[str]:
    """What somebody finds in the catalog."""
    return [item["name"] for item in (await world.api.ok(who, "GET", f"/datasets{query}"))["items"]]


async def test_a_dataset_is_registered_listed_changed_and_retired(world: DataWorld) -> None:
    uri = f"file://{world.folder}/data/pets"
    made = await world.add(uri=uri, access="rw", labels={"domain": "vision"}, description="Cats")
    assert (made["uri"], made["kind"], made["storage_class"]) == (uri, "file", "data")
    assert (made["mount_path"], made["version"], made["owner"]) == ("/mnt/data/pets", 1, "dora")
    assert (made["visibility"], made["writable"], made["browsable"]) == ("private", True, True)
    assert made["versions"][0]["check"] == {"reachable": None, "message": "", "at": None}
    path = f"/datasets/{made['id']}"
    assert await world.api.ok("dora", "GET", path) == made
    change = {"name": "animals", "mount_path": "/data/animals", "visibility": "workspace"}
    changed = await world.api.ok("dora", "PATCH", path, change)
    assert (changed["name"], changed["mount_path"]) == ("animals", "/data/animals")
    assert await names(world, "gina") == ["animals"]
    await world.api.ok("dora", "PATCH", path, {"mount_path": ""})
    assert (await world.api.ok("gina", "GET", path))["mount_path"] == "/mnt/data/animals"
    await world.api.ok("dora", "DELETE", path)
    assert await names(world, "dora") == []
    assert (await world.api.ok("dora", "GET", path))["retired_at"]
    for method, more in (("PATCH", {"description": "x"}), ("DELETE", None)):
        assert (await world.api.send("dora", method, path, more)).status_code == 404
    assert (await world.add(name="animals"))["id"] != made["id"]
    lines = await audited(world.api, "dataset.add")
    assert lines[0].detail["uri"] == uri
    assert [line.detail.get("retired") for line in lines] == [None, None, None, "animals", None]


async def test_the_catalog_is_searched_by_name_label_kind_and_workspace(world: DataWorld) -> None:
    await world.add(name="birds", labels={"domain": "vision", "size": "1 TB"})
    await world.add(name="songs", labels={"domain": "audio"})
    await world.add(name="code", uri="git+https://git.example.org/tools.git@main")
    assert await names(world, "dora") == ["birds", "code", "songs"]
    assert await names(world, "dora", "?name=ON") == ["songs"]
    assert await names(world, "dora", "?label=domain") == ["birds", "songs"]
    assert await names(world, "dora", "?label=domain%3Dvision") == ["birds"]
    assert await names(world, "dora", "?label=size%3D1%20TB") == ["birds"]
    assert await names(world, "dora", "?label=domain%3Dvis") == []
    assert await names(world, "dora", "?kind=git") == ["code"]
    assert await names(world, "olga", "?workspace=blue") == []
    first = await world.api.ok("dora", "GET", "/datasets?limit=2")
    rest = await world.api.ok("dora", "GET", f"/datasets?limit=2&cursor={first['next']}")
    assert [item["name"] for item in rest["items"]] == ["songs"]
    for wrong in ('?label=a"b', "?label=%00", "?kind=ftp", "?label=a'.b%3D1", "?other=1"):
        assert (await world.api.send("dora", "GET", f"/datasets{wrong}")).status_code == 422, wrong


async def test_a_folder_is_made_where_no_uri_is_given(world: DataWorld) -> None:
    made = await world.add(access="rw")
    assert (made["uri"], made["kind"], made["storage_class"]) == ("", "file", "")
    assert made["writable"]
    assert made["browsable"]
    folder = Path(world.api.control.settings.nas_root) / made["workspace_id"] / "datasets"
    assert [each.name for each in (folder / made["id"]).iterdir()] == ["v1"]
    body = {"description": "Without blurred ones"}
    second = await world.api.ok("dora", "POST", f"/datasets/{made['id']}/versions", body)
    assert second["version"] == 2
    assert [each["number"] for each in second["versions"]] == [2, 1]
    assert second["versions"][0]["description"] == "Without blurred ones"
    assert sorted(each.name for each in (folder / made["id"]).iterdir()) == ["v1", "v2"]
    answer = await world.api.send(
        "dora", "POST", f"/datasets/{made['id']}/versions", {"uri": "file:///etc"}
    )
    assert answer.status_code == 422


async def test_versions_keep_kind_and_class(world: DataWorld) -> None:
    uri = f"file://{world.folder}/archive/pets"
    made = await world.add(uri=f"{uri}/v1")
    path = f"/datasets/{made['id']}/versions"
    second = await world.api.ok("dora", "POST", path, {"uri": f"{uri}/v2"})
    assert (second["version"], second["uri"]) == (2, f"{uri}/v2")
    for wrong in (
        {},
        {"uri": f"file://{world.folder}/data/pets"},
        {"uri": "s3://pictures/team/pets"},
        {"uri": f"file://{world.folder}/archive/../blue"},
        {"uri": "git+https://git.example.org/pets"},
    ):
        answer = await world.api.send("dora", "POST", path, wrong)
        assert answer.status_code == 422, wrong
    assert (await world.api.ok("dora", "GET", f"/datasets/{made['id']}"))["version"] == 2


async def test_people_see_what_is_meant_for_them(world: DataWorld) -> None:
    await world.add(name="own")
    await world.add(name="ours", visibility="workspace")
    await world.add("olga", name="theirs", workspace="blue", visibility="workspace")
    await world.add(ADMIN, name="all", workspace="blue", visibility="public")
    assert await names(world, "dora") == ["all", "ours", "own"]
    assert await names(world, "dave") == ["all", "ours"]
    assert await names(world, "gina") == ["all", "ours"]
    assert await names(world, "adam") == ["all", "ours", "own"]
    assert await names(world, "olga") == ["all", "ours", "own", "theirs"]
    assert await names(world, "dave", "?workspace=team") == ["all", "ours"]
    assert await names(world, ADMIN) == ["all", "ours", "own", "theirs"]
    assert (await world.api.send("dora", "GET", "/datasets?workspace=blue")).status_code == 404


async def test_what_one_does_not_see_is_not_there_and_does_not_change(world: DataWorld) -> None:
    theirs = await world.add("olga", workspace="blue", visibility="workspace")
    private = await world.add("adam", name="private")
    for item in (theirs, private):
        path = f"/datasets/{item['id']}"
        for method, more, body in (
            ("GET", "", None),
            ("GET", "/usage", None),
            ("PATCH", "", {"description": "x"}),
            ("DELETE", "", None),
            ("POST", "/versions", {}),
            ("POST", "/check", None),
        ):
            answer = await world.api.send("dora", method, path + more, body)
            assert answer.status_code == 404, (method, more)
            assert item["name"] not in answer.text
        owner = str(item["owner"])
        assert await world.api.ok(owner, "GET", path) == item
    denied = await audited(world.api, "dataset.manage")
    assert denied == []


@pytest.mark.parametrize("who", ["gina", "lara"])
async def test_who_does_not_develop_registers_nothing(world: DataWorld, who: str) -> None:
    assert (await world.refusal(who))[0] == 403
    made = await world.add(visibility="workspace")
    path = f"/datasets/{made['id']}"
    assert (await world.api.send(who, "PATCH", path, {"description": "x"})).status_code == 403
    assert (await world.api.send(who, "POST", f"{path}/versions", {})).status_code == 403
    assert (await world.api.send(who, "DELETE", path)).status_code == 403


async def test_others_change_only_what_they_manage(world: DataWorld) -> None:
    made = await world.add(visibility="workspace")
    path = f"/datasets/{made['id']}"
    assert (await world.api.send("dave", "PATCH", path, {"description": "x"})).status_code == 403
    changed = await world.api.ok("adam", "PATCH", path, {"description": "Checked"})
    assert changed["description"] == "Checked"
    (line,) = await audited(world.api, "dataset.manage")
    assert (line.actor, line.detail) == ("adam", {"description": "Checked"})


async def test_only_platform_administrators_publish_to_everybody(world: DataWorld) -> None:
    assert (await world.refusal("olga", visibility="public"))[0] == 403
    made = await world.add("olga", visibility="workspace")
    path = f"/datasets/{made['id']}"
    public = {"visibility": "public"}
    assert (await world.api.send("olga", "PATCH", path, public)).status_code == 403
    await world.api.ok(ADMIN, "PATCH", path, public)
    for method, more, body in (
        ("PATCH", "", {"description": "x"}),
        ("POST", "/versions", {}),
        ("DELETE", "", None),
    ):
        answer = await world.api.send("olga", method, path + more, body)
        assert answer.status_code == 403, method
    await put(world.api, ADMIN, "blue", "bert", "developer")
    seen = await world.api.ok("bert", "GET", path)
    assert (seen["visibility"], seen["writable"]) == ("public", False)
    answer = await world.api.send("bert", "PATCH", path, {"description": "x"})
    assert (answer.status_code, "not in" in answer.json()["detail"]) == (403, True)
    await world.api.ok(ADMIN, "DELETE", path)


async def test_writers_are_the_owner_and_the_roles_that_are_named(world: DataWorld) -> None:
    await put(world.api, ADMIN, "team", "dave", ["developer"])
    made = await world.add(access="rw", visibility="workspace", write_roles=["labeler"])
    path = f"/datasets/{made['id']}"
    may = {
        who: (await world.api.ok(who, "GET", path))["writable"]
        for who in ("dora", "lara", "dave", "gina", "adam")
    }
    assert may == {"dora": True, "lara": True, "dave": False, "gina": False, "adam": False}
    await world.api.ok("dora", "PATCH", path, {"write_roles": ["guest", "admin"]})
    may = {who: (await world.api.ok(who, "GET", path))["writable"] for who in ("gina", "adam")}
    # A guest writes nothing, whatever a dataset says.
    assert may == {"gina": False, "adam": True}
    await world.api.ok("dora", "PATCH", path, {"access": "ro"})
    assert not (await world.api.ok("dora", "GET", path))["writable"]
    answer = await world.api.send("dora", "PATCH", path, {"write_roles": ["nobody"]})
    assert (answer.status_code, "no role 'nobody'" in answer.text) == (422, True)
    assert (await world.refusal(write_roles=["nobody"]))[0] == 422


async def test_nothing_is_writable_in_a_class_that_is_not(world: DataWorld) -> None:
    uri = f"file://{world.folder}/archive/x"
    status, why = await world.refusal(uri=uri, access="rw")
    assert (status, "'archive' cannot be written" in why) == (422, True)
    status, why = await world.refusal(uri="git+https://git.example.org/x", access="rw")
    assert (status, "A repository cannot be written" in why) == (422, True)
    made = await world.add(uri=uri)
    answer = await world.api.send("dora", "PATCH", f"/datasets/{made['id']}", {"access": "rw"})
    assert answer.status_code == 422


async def test_no_dataset_is_mounted_over_the_system(world: DataWorld) -> None:
    made = await world.add()
    for path in TARGETS_OF_OTHERS:
        assert (await world.refusal(mount_path=path))[0] == 422, path
        body = {"mount_path": path}
        answer = await world.api.send("dora", "PATCH", f"/datasets/{made['id']}", body)
        assert answer.status_code == 422, path


async def test_bodies_are_closed(world: DataWorld) -> None:
    for body in WRONG_BODIES:
        assert (await world.refusal(**body))[0] == 422, body


async def test_names_are_taken_once_while_they_are_in_the_catalog(world: DataWorld) -> None:
    made = await world.add()
    other = await world.add("adam", name="other")
    status, why = await world.refusal(name="pets")
    assert (status, "has a dataset named 'pets'" in why) == (409, True)
    path = f"/datasets/{other['id']}"
    assert (await world.api.send("adam", "PATCH", path, {"name": "pets"})).status_code == 409
    body = {"workspace": "team", "name": "birds"}
    answers = await asyncio.gather(
        *(world.api.send("dora", "POST", "/datasets", body) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    await world.api.ok("dora", "DELETE", f"/datasets/{made['id']}")
    await world.api.ok("adam", "PATCH", path, {"name": "pets"})


async def test_two_new_versions_at_once_have_two_numbers(world: DataWorld) -> None:
    made = await world.add()
    path = f"/datasets/{made['id']}/versions"
    await asyncio.gather(*(world.api.ok("dora", "POST", path, {}) for _ in range(4)))
    versions = (await world.api.ok("dora", "GET", f"/datasets/{made['id']}"))["versions"]
    assert [each["number"] for each in versions] == [5, 4, 3, 2, 1]


async def test_what_an_instance_has_is_not_retired(world: DataWorld) -> None:
    made = await world.add(visibility="workspace")
    path = f"/datasets/{made['id']}"
    assert await world.api.ok("dora", "GET", f"{path}/usage") == {"instances": [], "others": 0}
    mine = await create(world.api, "dora", name="mine", start=False)
    theirs = await create(world.api, "dave", name="theirs", start=False)
    mounts = [await world.mounted(made["id"], each) for each in (mine, theirs)]
    used = await world.api.ok("dora", "GET", f"{path}/usage")
    assert used == {"instances": ["dora/mine"], "others": 1}
    used = await world.api.ok("adam", "GET", f"{path}/usage")
    assert used == {"instances": ["dave/theirs", "dora/mine"], "others": 0}
    answer = await world.api.send("dora", "DELETE", path)
    assert answer.status_code == 409
    assert "dora/mine, 1 of others" in answer.json()["detail"]
    async with world.api.control.db.write() as session:
        ended = update(Mount).where(Mount.id.in_(mounts))
        await session.execute(ended.values(ended_at=world.api.control.clock()))
    await world.api.ok("dora", "DELETE", path)


async def test_an_instance_reads_the_catalog_of_its_workspace_alone(world: DataWorld) -> None:
    made = await world.add("olga", name="ours")
    theirs = await world.add("olga", name="theirs", workspace="blue")
    await create(world.api, "olga", name="lab", start=False)
    token = instance_token("olga", "lab")
    assert await names(world, token) == ["ours"]
    assert await world.api.ok(token, "GET", f"/datasets/{made['id']}")
    answer = await world.api.send(token, "GET", f"/datasets/{theirs['id']}")
    assert answer.status_code == 404
    path = f"/datasets/{made['id']}"
    for method, more, body in (
        ("POST", "", {"workspace": "team", "name": "x"}),
        ("PATCH", path, {"description": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/versions", {}),
        ("POST", f"{path}/check", None),
        ("GET", f"{path}/usage", None),
    ):
        asked = more.removeprefix("/datasets")
        answer = await world.api.send(token, method, f"/datasets{asked}", body)
        assert answer.status_code == 403, (method, more)
    assert await names(world, instance_token("olga", "gone")) == []


async def test_mounts_find_a_dataset_by_name_in_the_workspace_or_by_id(world: DataWorld) -> None:
    made = await world.add(visibility="workspace")
    public = await world.add(ADMIN, name="all", workspace="blue", visibility="public")
    hidden = await world.add("adam", name="hidden")
    blue = await world.add("olga", name="theirs", workspace="blue")
    team_id = made["workspace_id"]
    dave, olga = Caller(name="dave"), Caller(name="olga")
    async with world.api.control.db.write() as session:
        for ref, found in (("pets", made), (made["id"], made), (public["id"], public)):
            row, version = await usable(session, dave, team_id, ref)
            assert (row.id, version.number) == (found["id"], 1)
        for ref in ("all", "hidden", hidden["id"], "theirs", blue["id"], "ds-aaaaaaaaaaaa", "x"):
            with pytest.raises(NotFound):
                await usable(session, dave, team_id, ref)
        # Whoever is in both workspaces still mixes them up in no instance.
        with pytest.raises(NotFound):
            await usable(session, olga, team_id, blue["id"])
        with pytest.raises(NotFound, match="has no version 2"):
            await usable(session, dave, team_id, "pets", 2)
        with pytest.raises(NotFound):
            await usable(session, Caller(name="mallory"), team_id, "pets")
        row = await session.get_one(Dataset, made["id"])
        row.access = DataAccess.RW
        assert not await may_write(session, dave, row)
        assert await may_write(session, olga, row)


async def test_changes_take_the_tag_that_was_read(world: DataWorld) -> None:
    made = await world.add()
    path = f"/datasets/{made['id']}"
    tag = {"If-Match": (await world.api.send("dora", "GET", path)).headers["etag"]}
    answer = await world.api.send("dora", "PATCH", path, {"description": "one"}, tag)
    assert answer.status_code == 200
    for method, body in (("PATCH", {"description": "two"}), ("DELETE", None)):
        assert (await world.api.send("dora", method, path, body, tag)).status_code == 412
    tag = {"If-Match": answer.headers["etag"]}
    assert (await world.api.send("dora", "DELETE", path, None, tag)).status_code == 204


async def test_a_workspace_with_datasets_is_not_deleted(world: DataWorld) -> None:
    made = await world.add(ADMIN, workspace="blue", visibility="public")
    path = f"/datasets/{made['id']}"
    answer = await world.api.send(ADMIN, "DELETE", "/workspaces/blue")
    assert (answer.status_code, "1 dataset." in answer.json()["detail"]) == (409, True)
    await world.api.ok(ADMIN, "DELETE", path)
    await world.api.ok(ADMIN, "DELETE", "/workspaces/blue")
    # What once was public can still be looked up.
    seen = await world.api.ok("dora", "GET", path)
    assert (seen["browsable"], seen["retired_at"] is not None) == (False, True)
    found = await world.api.ok("dora", "POST", f"{path}/check")
    assert "was deleted" in found["check"]["message"]


async def test_an_archived_workspace_keeps_its_datasets_as_they_are(world: DataWorld) -> None:
    made = await world.add("olga", workspace="blue", access="rw")
    await world.api.ok(ADMIN, "PATCH", "/workspaces/blue", {"archived": True})
    path = f"/datasets/{made['id']}"
    assert not (await world.api.ok("olga", "GET", path))["writable"]
    assert await names(world, "olga", "?workspace=blue") == ["pets"]
    for method, more, body in (
        ("PATCH", "", {"description": "x"}),
        ("POST", "/versions", {}),
        ("DELETE", "", None),
    ):
        answer = await world.api.send("olga", method, path + more, body)
        assert (answer.status_code, "archived" in answer.text) == (409, True)
