"""Starting again exactly like an instance that was saved, and what is said when that is gone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.saving import MATE, OWNER, SPECS, STRANGER, Desk
from tests.stub_hub import instance_token

from dsw_control.store.tables import CodeSource

GROUPS = [{"name": "first", "cpu": 1000, "memory": "1TiB", "cpu_overcommit": 1}]
SECOND = [*GROUPS, {**GROUPS[0], "name": "second"}]
BODY: dict[str, Any] = {"display_name": "Again", "start": False}


@pytest.fixture
async def desk(make_api: MakeApi) -> Desk:
    return await Desk(await make_api(specs=SPECS, resource_groups=SECOND)).fill()


async def saved_one(desk: Desk) -> tuple[str, str]:
    """The ids of an instance's image and of its code source."""
    body = {"workspace": "team", "name": "tools", "url": "https://git.example.org/tools.git"}
    code = (await desk.api.ok(OWNER, "POST", "/code-sources", body))["id"]
    item = await desk.instance(resource_group="second", code_source=code)
    # What is recorded is what it was then, not what it has become.
    image = (await desk.saved(item))["image_id"]
    await desk.api.ok(OWNER, "DELETE", f"/instances/{item}")
    return image, code


def path_of(image: str) -> str:
    return f"/images/{image}/restore"


async def test_an_instance_is_made_with_all_that_the_saved_one_had(desk: Desk) -> None:
    image, code = await saved_one(desk)
    made = await desk.api.ok(OWNER, "POST", path_of(image), BODY | {"name": "again"})
    assert (made["name"], made["display_name"], made["state"]) == ("again", "Again", "Stopped")
    assert (made["image_id"], made["spec"]["name"]) == (image, "one")
    assert (made["resource_group"], made["code_source"]) == ("second", code)
    named = await desk.api.ok(OWNER, "POST", path_of(image), {})
    assert (named["display_name"], named["desired"]) == ("saved", "running")


async def test_only_who_sees_the_image_and_is_in_the_workspace_restores_it(desk: Desk) -> None:
    image, _ = await saved_one(desk)
    for who in (MATE, STRANGER):
        answer = await desk.api.send(who, "POST", path_of(image), BODY)
        assert answer.status_code == 404, answer.text
    server = instance_token(OWNER, "train")
    assert (await desk.api.send(server, "POST", path_of(image), BODY)).status_code == 403
    await desk.api.ok(ADMIN, "PATCH", f"/images/{image}", {"visibility": "public"})
    assert (await desk.api.send(MATE, "POST", path_of(image), BODY)).status_code == 201
    stranger = await desk.api.send(STRANGER, "POST", path_of(image), BODY)
    assert stranger.status_code == 404
    assert "There is no workspace" in stranger.json()["detail"]
    owned = (await desk.api.ok(STRANGER, "GET", "/instances"))["items"]
    assert owned == []


async def test_a_sentence_says_what_is_gone(desk: Desk) -> None:
    image, code = await saved_one(desk)

    async def said() -> str:
        answer = await desk.api.send(OWNER, "POST", path_of(image), BODY)
        assert answer.status_code == 409, answer.text
        return str(answer.json()["detail"])

    async with desk.control.db.write() as session:
        await session.execute(delete(CodeSource).where(CodeSource.id == code))
    assert f"had the code source '{code}', which there is no more" in await said()
    settings = desk.control.settings
    first = settings.model_copy(update={"resource_groups": settings.resource_groups[:1]})
    desk.control.settings = first
    assert "had the resource group 'second', which there is no more" in await said()
    desk.control.settings = first.model_copy(update={"specs": settings.specs[1:]})
    assert "had the spec 'one', which there is no more" in await said()


async def test_a_deleted_image_and_one_that_was_not_saved_are_not_restored(desk: Desk) -> None:
    image, _ = await saved_one(desk)
    await desk.api.ok(OWNER, "DELETE", f"/images/{image}")
    for gone in (image, desk.image, "img-aaaaaaaaaaaa"):
        answer = await desk.api.send(OWNER, "POST", path_of(gone), BODY)
        assert answer.status_code == 404, answer.text


async def test_a_restore_is_checked_as_any_create(desk: Desk) -> None:
    image, _ = await saved_one(desk)
    policy = {"images": ["official"]}
    await desk.api.ok(OWNER, "PATCH", "/workspaces/team", {"policy": policy})
    answer = await desk.api.send(OWNER, "POST", path_of(image), BODY)
    assert answer.status_code == 403
    assert "is not allowed in this workspace" in answer.json()["detail"]
