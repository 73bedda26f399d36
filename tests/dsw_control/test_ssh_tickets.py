"""Tickets for SSH: who gets one for which instance, and what a ticket is worth."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
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
    ticket,
    up,
    world_with_keys,
)
from tests.dsw_control.starts import end
from tests.dsw_control.teams import audited, create, put, row, runs, team
from tests.stub_hub import instance_token

from dsw.instances import AT_REST, Desired, InstanceState
from dsw.ssh import TICKET_SECONDS
from dsw_control.auth import Authenticator
from dsw_control.hub import Hub
from dsw_control.ssh.tickets import Ticket, Tickets
from dsw_control.store.tables import AuditEntry, Instance

NOW = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
SECRET = "0" * 64


async def becomes(api: Api, item: Any, state: InstanceState, message: str = "") -> None:
    """The instance is in this state, as the reconciler would have it."""
    if state in AT_REST:
        await end(api.control, item["id"], state)
    async with api.control.db.write() as session:
        found = await session.get_one(Instance, item["id"])
        down = state in AT_REST or state is InstanceState.STOPPING
        found.desired = Desired.STOPPED if down else Desired.RUNNING
        found.state, found.message = state, message


async def test_the_owner_gets_a_ticket_with_all_that_a_client_needs(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    answer = (await ask(api, "dan", "train")).json()
    assert answer["instance_id"] == item["id"]
    assert (answer["owner"], answer["name"], answer["display_name"]) == ("dan", "train", "Train")
    assert answer["url"] == item["url"]
    assert answer["host"] == {"user": "dsw", "host_key": HOST}
    assert answer["state"] == "Running"
    shown = await show(api, item, answer["ticket"])
    assert shown.json() == {"user": "dan", "keys": [key_of("dan")]}


async def test_an_instance_is_named_by_id_name_or_owner_and_name(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await share(api, item, "eve")
    for name in ("train", item["id"], "dan/train"):
        assert (await ask(api, "dan", name)).json()["instance_id"] == item["id"]
        answer = await ask(api, "eve", name)
        assert answer.status_code == (404 if name == "train" else 200)


NAMES = [
    "nothing",
    "dsw-aaaabbbbcccc",
    "dan/nothing",
    "nobody/train",
    "../x",
    "../dan/train",
    "dan/../dan/train",
    "/train",
    "dan/",
    "/",
    "-oProxyCommand=touch /tmp/owned",
    "train;id",
    "TRAIN",
    " train",
    "train\n",
    "%",
    "tr_in",
    "\u0442rain",
    "train' OR 1=1 --",
    "x" * 300,
]


async def test_what_is_not_there_and_what_is_not_theirs_look_the_same(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    foreign = [item["id"], "dan/train"]
    for name in [*NAMES, *foreign]:
        answer = await ask(api, "eve", name)
        assert answer.status_code == 404, name
        body = answer.json()
        assert body["detail"].startswith(f"There is no instance {name[:80]!r}")
        assert set(body) == {
            *("type", "title", "status", "code", "detail", "hint", "instance", "request_id")
        }
    for name in ["", "x" * 301, 7, None, ["train"]]:
        answer = await api.send("eve", "POST", "/ssh/tickets", {"instance": name})
        assert answer.status_code == 422, name
    for name in ("train\0", "dan\0/train"):
        assert (await ask(api, "dan", name)).status_code in (404, 422), name


async def test_only_what_is_there_and_was_refused_is_written_down(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await ask(api, "eve", "dan/train")
    await ask(api, "eve", "dan/nothing")
    async with api.control.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.outcome == "denied")
        lines = list(await session.scalars(query))
    assert [(line.actor, line.object_id, line.code) for line in lines] == [
        ("eve", item["id"], "not_found")
    ]
    assert lines[0].workspace_id == item["workspace_id"]


async def test_an_instance_that_is_called_like_anothers_id_is_ones_own(make_api: MakeApi) -> None:
    """Nobody is led into an instance of somebody else by its name."""
    api, item = await world_with_keys(make_api)
    mine = await up(api, "eve", name=item["id"])
    assert (await ask(api, "eve", item["id"])).json()["instance_id"] == mine["id"]
    assert (await ask(api, "dan", item["id"])).json()["instance_id"] == item["id"]
    await share(api, mine, "dan")
    assert (await ask(api, "dan", item["id"])).json()["instance_id"] == item["id"]
    assert (await ask(api, "dan", f"eve/{item['id']}")).json()["instance_id"] == mine["id"]


WAYS_IN = [
    ("eve", "view", False),
    ("eve", "full", True),
    ("ann", "view", False),
    ("ann", "full", True),
    ("olga", "full", True),
    ("op", "all", False),
    ("gus", "all", False),
    ("zoe", "all", False),
    (ADMIN, "all", False),
]
"""With whom it is shared, how far (`all`: with everybody, fully), and whether they may enter."""


async def test_the_owner_and_full_visitors_enter_and_nobody_else(make_api: MakeApi) -> None:
    """Also no administrator of workspace or platform, whatever else they may do with it."""
    api, item = await world_with_keys(make_api)
    await add_key(api, ADMIN)
    assert list(await entrants(api, item)) == ["dan"]
    for who in ("eve", "ann", "olga", "op", "gus", "zoe", ADMIN):
        await no_way_in(api, who, item)
    for who, access, enters in WAYS_IN:
        user = None if access == "all" else who
        made = await share(api, item, user, "full" if access == "all" else access)
        assert (who in await entrants(api, item)) is enters, (who, access)
        if enters:
            sealed = await ticket(api, who, item["id"])
            shown = (await show(api, item, sealed)).json()
            assert shown == {"user": who, "keys": [key_of(who)]}
        else:
            await no_way_in(api, who, item)
        await api.ok("dan", "DELETE", f"/instances/{item['id']}/shares/{made['id']}")
        await no_way_in(api, who, item)


async def no_way_in(api: Api, who: str, item: Any) -> None:
    """They get no ticket, one that was made all the same opens nothing, and none of their sessions
    stays open."""
    assert (await ask(api, who, item["id"])).status_code == 404, who
    made = Ticket(instance_id=item["id"], user=who)
    forged = api.control.tickets.seal(made, api.control.clock())
    assert (await show(api, item, forged)).status_code == 403, who
    assert who not in await entrants(api, item)


async def test_a_role_of_ones_own_making_needs_both_actions(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await share(api, item, "eve")
    for actions, enters in (
        (["instance.use.own", "instance.ssh"], True),
        (["instance.use.own"], False),
        (["instance.ssh"], False),
        (["instance.manage.all", "instance.read.all", "ssh-key.own"], False),
    ):
        await api.ok("olga", "PUT", "/workspaces/team/roles/special", {"actions": actions})
        await put(api, "olga", "team", "eve", "special")
        assert ("eve" in await entrants(api, item)) is enters, actions
        if enters:
            assert await ticket(api, "eve", item["id"])
        else:
            await no_way_in(api, "eve", item)


async def test_the_owner_is_told_which_action_their_role_lacks(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    sealed = await ticket(api, "dan", "train")
    body = {"actions": ["instance.use.own"]}
    await api.ok("olga", "PUT", "/workspaces/team/roles/special", body)
    await put(api, "olga", "team", "dan", "special")
    answer = await ask(api, "dan", "train")
    assert answer.status_code == 403
    assert "does not allow instance.ssh" in answer.json()["detail"]
    assert (await show(api, item, sealed)).status_code == 403
    assert await entrants(api, item) == {}


async def test_who_loses_the_right_loses_tickets_and_open_sessions(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    for how in ("view only", "guest", "disabled", "removed", "share ended", "archived", "owner"):
        await put(api, ADMIN, "team", "eve", "developer")
        made = await share(api, item, "eve")
        sealed = await ticket(api, "eve", "dan/train")
        assert set(await entrants(api, item)) == {"dan", "eve"}
        await take_away(api, item, made, how)
        assert (await ask(api, "eve", "dan/train")).status_code == 404, how
        assert (await show(api, item, sealed)).status_code in (403, 409), how
        left = set() if how in ("archived", "owner") else {"dan"}
        assert set(await entrants(api, item)) == left, how
        if how == "archived":
            await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": False})
            await runs(api, item["id"])


async def take_away(api: Api, item: Any, made: Any, how: str) -> None:
    """Eve's right to enter dan's instance ends."""
    members = "/workspaces/team/members"
    if how == "view only":
        await share(api, item, "eve", "view")
    elif how in ("guest", "disabled"):
        role = "guest" if how == "guest" else "developer"
        await put(api, ADMIN, "team", "eve", role, disabled=how == "disabled")
    elif how == "removed":
        await api.ok(ADMIN, "DELETE", f"{members}/eve")
    elif how == "share ended":
        await api.ok("dan", "DELETE", f"/instances/{item['id']}/shares/{made['id']}")
    elif how == "archived":
        await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    else:
        await api.ok(ADMIN, "DELETE", f"{members}/dan")


async def test_the_owner_in_an_archived_workspace_is_told_why(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    answer = await ask(api, "dan", "train", start=True)
    assert answer.status_code == 409
    assert "archived" in answer.json()["detail"]


async def test_a_platform_administrator_enters_only_their_own(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await add_key(api, ADMIN)
    await put(api, ADMIN, "team", ADMIN, "developer")
    mine = await up(api, ADMIN, name="mine")
    assert (await ask(api, ADMIN, "mine")).status_code == 200
    assert (await ask(api, ADMIN, item["id"])).status_code == 404
    await api.ok(ADMIN, "DELETE", f"/workspaces/team/members/{ADMIN}")
    assert (await ask(api, ADMIN, mine["id"])).status_code == 404


async def test_somebody_without_a_key_is_told_to_add_one(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dan="developer")
    item = await create(api, "dan", name="train")
    answer = await ask(api, "dan", "train", start=True)
    assert answer.status_code == 409
    assert "no SSH key" in answer.json()["detail"]
    assert await entrants(api, item) == {}


async def test_an_instances_token_gets_no_ticket(make_api: MakeApi) -> None:
    """Else whoever runs code in one instance of somebody's enters all others."""
    api, item = await world_with_keys(make_api)
    answer = await api.send(inner(item), "POST", "/ssh/tickets", {"instance": item["id"]})
    assert answer.status_code == 403


async def test_what_does_not_run_needs_to_be_started(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    for state in (InstanceState.STOPPING, InstanceState.STOPPED):
        await becomes(api, item, state)
        answer = await ask(api, "dan", "train")
        assert answer.status_code == 409
        assert f"'Train' is {state}." in answer.json()["detail"]
        assert "Start it first" in answer.json()["detail"]


async def test_a_start_is_asked_for_every_second_until_there_is_a_ticket(
    make_api: MakeApi,
) -> None:
    api, item = await world_with_keys(make_api)
    await becomes(api, item, InstanceState.STOPPED)
    before = len(await audited(api, "instance.ssh"))
    seen = []
    for state in (None, InstanceState.ENV_PREPARING, InstanceState.STARTING):
        for _ in range(3):
            if state is not None:
                await becomes(api, item, state, f"It is at {state}.")
            answer = await ask(api, "dan", "train", start=not seen)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert body["ticket"] is None
            seen.append((body["state"], body["message"]))
    assert seen[0] == ("ResourceAllocating", "Resources are reserved.")
    assert seen[-1] == ("Starting", "It is at Starting.")
    assert len(await audited(api, "instance.ssh")) == before
    await runs(api, item["id"])
    assert (await ask(api, "dan", "train")).json()["ticket"]
    started = [each for each in await audited(api, "instance.use.own") if _did(each) == "start"]
    assert [each.actor for each in started] == ["dan"]
    assert [_did(each) for each in (await audited(api, "instance.ssh"))[before:]] == ["ticket"]


def _did(entry: AuditEntry) -> Any:
    return entry.detail["did"]


async def test_a_start_that_waits_in_the_queue_tells_its_place(make_api: MakeApi) -> None:
    group = {"name": "local", "cpu": 1, "memory": "1TiB", "cpu_overcommit": 1}
    specs = [{"name": "small", "cpu": 1, "memory": "1GiB"}]
    api, item = await world_with_keys(make_api, resource_groups=[group], specs=specs)
    waiting = await create(api, "eve", name="second", start=False)
    answer = await ask(api, "eve", "second", start=True)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "Queuing"
    assert answer.json()["message"].startswith("Waiting for ")
    assert (await row(api, waiting["id"])).queued_at is not None
    assert (await row(api, item["id"])).state == "Running"


async def test_a_start_that_can_never_fit_is_refused_with_the_limit(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await becomes(api, item, InstanceState.STOPPED)
    async with api.control.db.write() as session:
        found = await session.get_one(Instance, item["id"])
        found.spec = {**found.spec, "cpu": 4000.0}
    before = len(await audited(api, "instance.use.own"))
    for _ in range(2):
        answer = await ask(api, "dan", "train", start=True)
        assert answer.status_code == 409
        assert answer.json()["code"] == "quota_exceeded"
    assert len(await audited(api, "instance.use.own")) == before


async def test_a_failed_one_is_refused_with_its_reason_and_not_started(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await becomes(api, item, InstanceState.FAILED, "The image cannot be pulled.")
    for start in (False, True):
        answer = await ask(api, "dan", "train", start)
        assert answer.status_code == 409
        assert "failed: The image cannot be pulled." in answer.json()["detail"]
    assert (await row(api, item["id"])).state == InstanceState.FAILED


async def test_one_that_stops_is_started_when_it_has(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await becomes(api, item, InstanceState.STOPPING)
    assert (await ask(api, "dan", "train", start=True)).json()["state"] == "Stopping"
    await becomes(api, item, InstanceState.STOPPED)
    assert (await ask(api, "dan", "train", start=True)).json()["state"] == "ResourceAllocating"


async def test_one_that_is_being_deleted_is_refused(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await api.ok("dan", "DELETE", f"/instances/{item['id']}")
    answer = await ask(api, "dan", "train", start=True)
    assert answer.status_code == 409
    assert "being deleted" in answer.json()["detail"]


async def test_a_visitor_starts_nothing_and_waits_for_what_is_starting(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await share(api, item, "eve")
    await share(api, item, "ann")
    await becomes(api, item, InstanceState.STOPPED)
    answer = await ask(api, "eve", "dan/train", start=True)
    assert answer.status_code == 409
    assert "Ask dan to start it." in answer.json()["detail"]
    assert (await row(api, item["id"])).state == InstanceState.STOPPED
    # An admin of the workspace may start any instance there, and this one lets them in, too.
    assert (await ask(api, "ann", "dan/train", start=True)).status_code == 200
    waiting = await ask(api, "eve", "dan/train", start=True)
    assert (waiting.status_code, waiting.json()["ticket"]) == (200, None)


async def test_one_without_an_ssh_server_is_told_apart_from_one_that_comes_up(
    make_api: MakeApi,
) -> None:
    api, _ = await world_with_keys(make_api)
    bare = await create(api, "dan", name="bare")
    await runs(api, bare["id"])
    moment = api.control.clock()
    answer = await ask(api, "dan", "bare")
    assert answer.json()["message"] == "Its SSH server is coming up."
    api.control.clock = lambda: moment + timedelta(seconds=40)
    answer = await ask(api, "dan", "bare")
    assert answer.status_code == 409
    assert "no SSH server" in answer.json()["detail"]


async def test_a_saving_instance_is_up(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await becomes(api, item, InstanceState.SAVING)
    sealed = await ticket(api, "dan", "train")
    assert (await show(api, item, sealed)).is_success


async def test_a_ticket_is_for_one_instance(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    other = await up(api, "dan", name="other")
    theirs = await up(api, "eve", name="theirs")
    sealed = await ticket(api, "dan", "train")
    for wrong in (other, theirs):
        answer = await show(api, wrong, sealed)
        assert answer.status_code == 403
        assert "does not open this instance" in answer.json()["detail"]
    # Nor does another instance's server learn anything about this one.
    path = f"/instances/{item['id']}/ssh"
    for method, where, body in (
        ("POST", f"{path}/entries", {"ticket": sealed}),
        ("GET", f"{path}/entrants", None),
        ("PUT", path, {"user": "dsw", "host_key": HOST}),
    ):
        for stranger in (inner(other), inner(theirs)):
            assert (await api.send(stranger, method, where, body)).status_code == 404
        for person in ("dan", "eve", ADMIN):
            assert (await api.send(person, method, where, body)).status_code == 403
        nameless = instance_token("eve", "train")
        assert (await api.send(nameless, method, where, body)).status_code == 404


async def test_a_ticket_lasts_a_minute(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    moment = api.control.clock()
    sealed = await ticket(api, "dan", "train")
    api.control.clock = lambda: moment + timedelta(seconds=TICKET_SECONDS - 2)
    assert (await show(api, item, sealed)).is_success
    api.control.clock = lambda: moment + timedelta(seconds=TICKET_SECONDS + 2)
    answer = await show(api, item, sealed)
    assert answer.status_code == 403
    assert "expired" in answer.json()["detail"]


async def test_a_session_is_no_ticket_and_a_ticket_is_no_session(make_api: MakeApi) -> None:
    """All are sealed texts of one installation, with keys that have nothing in common."""
    api, item = await world_with_keys(make_api)
    sealed = await ticket(api, "dan", "train")
    session = api.control.auth.new_session("user-dan")
    cookie = api.control.auth.seal(session.model_dump())
    like_a_ticket = api.control.auth.seal({"instance_id": item["id"], "user": "dan"})
    for wrong in (cookie, like_a_ticket):
        assert (await show(api, item, wrong)).status_code == 403
    works = await api.send({"cookie": f"dsw-session={cookie}"}, "GET", "/me")
    assert works.status_code == 200
    like_a_session = api.control.tickets._fernet.encrypt(session.model_dump_json().encode())
    for wrong in (sealed, like_a_session.decode()):
        as_cookie = {"cookie": f"dsw-session={wrong}"}
        assert (await api.send(as_cookie, "GET", "/me")).status_code == 401
        as_token = {"Authorization": f"Bearer {wrong}"}
        assert (await api.send(as_token, "GET", "/me")).status_code == 401


async def test_what_is_no_ticket_is_refused(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    for text in ("x", "gAAAAA==", "\u00e4" * 9, "x" * 2000):
        assert (await show(api, item, text)).status_code == 403
    assert (await show(api, item, "")).status_code == 422
    assert (await show(api, item, "x" * 2001)).status_code == 422


async def test_a_ticket_stands_in_no_line_of_the_audit_log(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    sealed = await ticket(api, "dan", "train")
    (line,) = [each for each in await audited(api, "instance.ssh") if _did(each) == "ticket"]
    assert (line.actor, line.object_id) == ("dan", item["id"])
    assert line.workspace_id == item["workspace_id"]
    assert line.detail == {"did": "ticket", "road": "proxy"}
    answer = (await ask(api, "dan", "train")).json()
    assert sealed not in repr(answer | {"ticket": "***"})


USERS = st.text(min_size=1, max_size=255).filter(lambda text: text.isprintable())


@given(USERS, st.none() | st.just("SHA256:" + "x" * 43))
def test_a_ticket_holds_any_user_and_fits_a_header(user: str, fingerprint: str | None) -> None:
    tickets = Tickets(SECRET)
    made = Ticket(instance_id="dsw-aaaabbbbcccc", user=user, fingerprint=fingerprint)
    sealed = tickets.seal(made, NOW)
    assert len(sealed) <= 2000
    assert sealed.isascii()
    assert tickets.open(sealed, NOW) == made
    assert Tickets("1" * 64).open(sealed, NOW) is None
    assert tickets.open(sealed[:-1], NOW) is None


def test_the_key_of_tickets_is_not_the_key_of_sessions() -> None:
    sessions = Authenticator(Hub("http://hub.test", ""), SECRET)
    tickets = Tickets(SECRET)
    made = Ticket(instance_id="dsw-aaaabbbbcccc", user="dan")
    assert sessions.unseal(tickets.seal(made, NOW), 10**9) is None
    assert tickets.open(sessions.seal(made.model_dump(exclude_none=True)), NOW) is None
