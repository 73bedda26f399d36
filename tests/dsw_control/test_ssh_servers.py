"""What an instance's own server tells about its SSH, and what it learns of those who come."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.dsw_control.apis import Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.ssh_worlds import (
    HOST,
    add_key,
    ask,
    entrants,
    inner,
    key_of,
    share,
    show,
    tell_host,
    ticket,
    world_with_keys,
)
from tests.dsw_control.starts import end
from tests.dsw_control.teams import audited, create, image, row

from dsw.instances import InstanceState
from dsw.ssh import public_key
from dsw_control.tenancy import identities


async def shown(api: Api, who: str, item: Any) -> Any:
    """The host as somebody sees it in the instance."""
    return (await api.ok(who, "GET", f"/instances/{item['id']}"))["ssh"]


async def test_the_owner_and_visitors_see_the_host_key(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await share(api, item, "eve", "view")
    for who in ("dan", "eve"):
        assert await shown(api, who, item) == {"user": "dsw", "host_key": HOST}
    (listed,) = (await api.ok("eve", "GET", "/instances?shared=true"))["items"]
    assert listed["ssh"]["host_key"] == HOST


async def test_listeners_are_told_of_a_host_key_once(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    other = key_of("another host")
    with api.control.bus.listen() as queue:
        await tell_host(api, item)
        await tell_host(api, item, f"{HOST} root@train")
        assert queue.empty()
        await asyncio.gather(*(tell_host(api, item, other) for _ in range(3)))
        told = []
        while not queue.empty():
            change = queue.get_nowait()
            assert change is not None
            told.append(json.loads(change.data)["ssh"]["host_key"])
    assert told == [other]
    lines = [each for each in await audited(api, "instance.ssh") if _did(each) == "host key"]
    assert [each.detail["fingerprint"] for each in lines] == [
        public_key(key).fingerprint for key in (HOST, other)
    ]
    assert {(each.actor, each.on_behalf_of) for each in lines} == {(item["id"], "dan")}


def _did(entry: Any) -> Any:
    return entry.detail["did"]


async def test_only_a_real_host_key_and_a_plain_user_are_taken(make_api: MakeApi) -> None:
    """Both end up in the files and the command lines of those who connect."""
    api, item = await world_with_keys(make_api)
    path = f"/instances/{item['id']}/ssh"
    for wrong in (
        {"user": "dsw", "host_key": "ssh-ed25519 AAAA"},
        {"user": "dsw", "host_key": f"* {HOST}"},
        {"user": "dsw", "host_key": f"{HOST}\n* {HOST}"},
        {"user": "dsw", "host_key": ""},
        {"user": "-oProxyCommand=id", "host_key": HOST},
        {"user": "dsw\n", "host_key": HOST},
        {"user": "", "host_key": HOST},
        {"user": "dsw", "host_key": HOST, "port": 22},
        {"user": "dsw"},
    ):
        answer = await api.send(inner(item), "PUT", path, wrong)
        assert answer.status_code == 422, wrong
    body = {"user": "ubuntu", "host_key": f"  {HOST} some  comment "}
    await api.ok(inner(item), "PUT", path, body)
    assert await shown(api, "dan", item) == {"user": "ubuntu", "host_key": HOST}


async def test_only_a_server_that_runs_tells_and_shows(make_api: MakeApi) -> None:
    """A token that outlives its server, or one that is asked to stop, lets nobody in."""
    api, item = await world_with_keys(make_api)
    sealed = await ticket(api, "dan", "train")
    await api.ok("dan", "POST", f"/instances/{item['id']}/stop")
    path = f"/instances/{item['id']}/ssh"
    body = {"user": "dsw", "host_key": key_of("other")}
    for state in (None, InstanceState.STOPPED, InstanceState.FAILED):
        if state is not None:
            await end(api.control, item["id"], state)
        assert (await api.send(inner(item), "PUT", path, body)).status_code == 409
        assert (await show(api, item, sealed)).status_code == 409
    assert await shown(api, "dan", item) == {"user": "dsw", "host_key": HOST}


async def test_a_server_that_starts_tells_before_it_is_up(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    item = await create(api, "dan", name="early")
    assert (await row(api, item["id"])).state != InstanceState.RUNNING
    await tell_host(api, item)
    assert (await shown(api, "dan", item))["host_key"] == HOST


async def test_another_image_has_another_server(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await api.ok("dan", "POST", f"/instances/{item['id']}/stop")
    await end(api.control, item["id"], InstanceState.STOPPED)
    same = {"image": await image(api), "display_name": "Same image"}
    await api.ok("dan", "PATCH", f"/instances/{item['id']}", same)
    assert (await shown(api, "dan", item))["host_key"] == HOST
    async with api.control.db.write() as session:
        found = await session.merge(await row(api, item["id"]))
        found.image_id = "img-aaaabbbbcccc"
    await api.ok("dan", "PATCH", f"/instances/{item['id']}", same)
    assert await shown(api, "dan", item) is None


async def test_a_removed_key_is_out_at_the_next_look(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await share(api, item, "eve")
    second = await add_key(api, "eve", "second")
    assert await entrants(api, item) == {
        "dan": [key_of("dan")],
        "eve": [key_of("eve"), key_of("second")],
    }
    sealed = await ticket(api, "eve", "dan/train")
    await api.ok("eve", "DELETE", f"/ssh-keys/{second['id']}")
    assert (await entrants(api, item))["eve"] == [key_of("eve")]
    assert (await show(api, item, sealed)).json()["keys"] == [key_of("eve")]
    first = (await api.ok("eve", "GET", "/ssh-keys"))["items"][0]
    await api.ok("eve", "DELETE", f"/ssh-keys/{first['id']}")
    assert await entrants(api, item) == {"dan": [key_of("dan")]}
    assert (await show(api, item, sealed)).status_code == 403
    assert (await ask(api, "eve", "dan/train")).status_code == 409


async def test_a_ticket_of_somebody_who_was_deleted_at_the_hub_opens_nothing(
    make_api: MakeApi,
) -> None:
    """Their memberships live on for a minute; control asks the hub in between."""
    api, item = await world_with_keys(make_api)
    await share(api, item, "eve")
    sealed = await ticket(api, "eve", "dan/train")
    api.hub.delete("eve")
    assert (await show(api, item, sealed)).status_code == 403
    await identities.follow(api.control)
    assert set(await entrants(api, item)) == {"dan"}


async def test_nobody_enters_while_the_hub_cannot_be_asked(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    sealed = await ticket(api, "dan", "train")
    headers = inner(item)
    await api.ok(headers, "GET", f"/instances/{item['id']}/ssh/entrants")
    api.hub.down = True
    answer = await show(api, item, sealed)
    assert answer.status_code == 503
    api.hub.down = False
    assert (await show(api, item, sealed)).is_success


async def test_who_comes_with_a_foreign_ticket_is_written_down(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await show(api, item, "x")
    lines = await api.ok("olga", "GET", "/audit?workspace=team&outcome=denied")
    (line,) = lines["items"]
    assert (line["actor"], line["object_id"], line["action"]) == (
        item["id"],
        item["id"],
        "instance.ssh",
    )
