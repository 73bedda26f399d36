"""`dsw instances`, `queue` and `shares` against a running control; its hub is a stub, so that a
server is up as soon as it is asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count

import pytest
from tests.dsw.terminals import Result, Terminal
from tests.polling import eventually

from dsw.cli.progress import progress_line
from dsw.errors import RemoteError
from dsw.instances import InstanceView

NUMBERS = count(1)


@pytest.fixture
def team(dsw: Terminal) -> Iterator[str]:
    """A workspace of ada, bob and cleo with one GPU; its instances are gone afterwards."""
    name = f"team-{next(NUMBERS)}"
    dsw.ok("workspaces", "create", name, "--owner", "ada")
    for user in ("bob", "cleo"):
        dsw.ok("members", "set", user, "--role", "developer", "-w", name)
    dsw.ok("quotas", "set", "gpus", "--gpu", "A100=1", "-w", name)
    yield name
    with dsw.client() as api:
        for item in api.instances(everybody=True, workspace=name):
            api.delete_instance(item.id)


def create(dsw: Terminal, team: str, name: str, *words: str, who: str = "ada") -> InstanceView:
    """A new instance that holds or waits for the team's GPU."""
    words = ("--spec", "gpu", "--no-wait", *words)
    return InstanceView.model_validate(
        dsw.json("instances", "create", name, *words, who=who, workspace=team)
    )


def running(dsw: Terminal, team: str, name: str, who: str = "ada") -> InstanceView:
    """A new instance that holds the GPU, once it is up."""
    return wait(dsw, create(dsw, team, name, who=who), "Running", who)


def wait(dsw: Terminal, item: InstanceView, state: str, who: str = "ada") -> InstanceView:
    """The instance, once it is in this state."""
    with dsw.client(who) as api:
        assert eventually(lambda: api.instance(item.id).state == state, 20)
        return api.instance(item.id)


def test_an_instance_is_made_stopped_and_started(dsw: Terminal, team: str) -> None:
    dsw.ok("instances", "create", "Lab one", "--spec", "small", "-w", team, who="ada")
    line = dsw.ok("instances", "stop", "lab-one", who="ada")
    assert line.startswith("lab-one  Stopped  http://127.0.0.1")
    dsw.ok("instances", "start", "lab-one", "--priority", "9", who="ada")
    [item] = dsw.json("instances", "list", who="ada")
    assert (item["state"], item["priority"]) == ("Running", 9)


def test_one_who_waits_is_told_place_and_reason(dsw: Terminal, team: str) -> None:
    running(dsw, team, "first")
    second = create(dsw, team, "second")
    assert second.queue is not None
    assert (second.state, second.queue.place) == ("Queuing", 1)
    assert "Queuing, place 1" in dsw.ok("instances", "list", who="ada")
    text = dsw.ok("queue", "list", "--group", "gpus", "-w", team, who="ada")
    assert "1 GPU of type A100" in text
    assert "ada/second" in text


def test_without_the_queue_a_start_that_does_not_fit_fails_at_once(
    dsw: Terminal, team: str
) -> None:
    first = running(dsw, team, "first")
    words = ("--spec", "gpu", "--no-queue")
    said = dsw.refused("instances", "create", "second", *words, who="ada", workspace=team)
    assert "It does not fit now: 1 GPU" in said
    dsw.ok("instances", "stop", first.name, who="ada")
    create(dsw, team, "third")
    assert "does not fit now" in dsw.refused("instances", "start", "first", "--no-queue", who="ada")


def test_what_never_fits_is_refused_with_the_limit(dsw: Terminal, team: str) -> None:
    dsw.ok("quotas", "set", "gpus", "--gpu", "A100=0", "-w", team)
    said = dsw.refused("instances", "create", "x", "--spec", "gpu", who="ada", workspace=team)
    assert "at most 0" in said


def test_a_priority_above_the_role_is_refused(dsw: Terminal, team: str) -> None:
    words = ("instances", "create", "x", "--spec", "small", "--priority", "9", "-w", team)
    assert "Priority 9 is above" in dsw.refused(*words, who="bob")


def test_ctrl_c_leaves_one_who_waits_in_the_queue_and_says_so(dsw: Terminal, team: str) -> None:
    running(dsw, team, "first")
    words = ("instances", "create", "second", "--spec", "gpu")
    process = dsw.started(*words, who="ada", workspace=team)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert "second: Queuing, place 1. Waiting for 1 GPU" in said
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, (out, err)
    assert "second stays in the queue, at place 1." in err
    with dsw.client("ada") as api:
        [item] = api.instances(name="second")
    assert item.state == "Queuing"


def test_waiting_ends_with_the_start_when_there_is_room(dsw: Terminal, team: str) -> None:
    first = running(dsw, team, "first")
    process = dsw.started(
        "instances", "create", "second", "--spec", "gpu", who="ada", workspace=team
    )
    assert process.stderr is not None
    assert "place 1" in process.stderr.readline()
    dsw.ok("instances", "stop", first.name, who="ada")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith("second  Running  ")


def test_who_is_taken_from_the_queue_while_waiting_is_told(dsw: Terminal, team: str) -> None:
    running(dsw, team, "first")
    process = dsw.started(
        "instances", "create", "second", "--spec", "gpu", who="bob", workspace=team
    )
    assert process.stderr is not None
    process.stderr.readline()
    dsw.ok("queue", "cancel", "bob/second", "--yes", who="ada")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "second was stopped (TakenFromQueue)" in " ".join(err.split())


def test_a_wait_that_is_too_long_leaves_it_in_the_queue(dsw: Terminal, team: str) -> None:
    running(dsw, team, "first")
    words = ("instances", "create", "second", "--spec", "gpu", "--timeout", "0.1")
    said = dsw.refused(*words, who="ada", workspace=team)
    assert "second is still Queuing after 0 s" in said
    assert "It stays in the queue" in said


def test_those_who_manage_the_queue_reorder_it(dsw: Terminal, team: str) -> None:
    running(dsw, team, "first")
    for user in ("bob", "cleo"):
        create(dsw, team, "next", who=user)
    assert [item["owner"] for item in places(dsw, team)] == ["bob", "cleo"]
    dsw.ok("queue", "move", "cleo/next", "--before", "bob/next", who="ada")
    assert [item["owner"] for item in places(dsw, team)] == ["cleo", "bob"]
    dsw.ok("queue", "move", "cleo/next", "--last", who="ada")
    dsw.ok("queue", "move", "cleo/next", "--priority", "9", who="ada")
    assert [item["owner"] for item in places(dsw, team)] == ["cleo", "bob"]
    assert "Several that wait" in dsw.refused("queue", "cancel", "next", "--yes", who="ada")
    assert "is not in the queue" in dsw.refused("queue", "cancel", "nobody", "--yes", who="ada")
    assert dsw.refused("queue", "move", "bob/next", "--priority", "9", who="bob")
    assert "Where to?" in dsw.refused("queue", "move", "bob/next", who="ada")


def places(dsw: Terminal, team: str) -> list[dict[str, str]]:
    """The queue of a team, as JSON."""
    found: list[dict[str, str]] = dsw.json("queue", "list", "-w", team, who="ada")
    return found


def test_an_instance_of_somebody_else_is_meant_by_owner_and_name(dsw: Terminal, team: str) -> None:
    create(dsw, team, "train", "--no-start", who="bob")
    dsw.ok("instances", "change", "bob/train", "--display-name", "Bob's", who="ada")
    assert "There is no instance" in dsw.refused("instances", "stop", "bob/train", who="cleo")


def test_an_instance_is_shared_listed_and_ended(dsw: Terminal, team: str) -> None:
    item = running(dsw, team, "pair", who="bob")
    line = dsw.ok("share", "pair", "--user", "cleo", "--access", "full", who="bob")
    assert f"shared with cleo (full): {dsw.url}{item.url}lab" in line
    dsw.ok("share", "pair", who="bob")
    text = dsw.ok("shares", "list", "pair", who="bob")
    assert "everybody in the workspace" in text
    [seen] = dsw.json("instances", "list", "--shared", who="cleo")
    assert (seen["id"], seen["access"]) == (item.id, "full")
    dsw.ok("shares", "end", "pair", "--user", "cleo", who="bob")
    assert [share["user"] for share in dsw.json("shares", "list", "pair", who="bob")] == [None]
    dsw.ok("shares", "end", "pair", who="bob")
    assert "not shared with anybody" in dsw.refused("shares", "end", "pair", who="bob")


def test_a_share_reaches_members_only(dsw: Terminal, team: str) -> None:
    running(dsw, team, "pair", who="bob")
    assert dsw.refused("share", "pair", "--user", "stranger", who="bob")


def test_the_estimate_is_part_of_the_line(dsw: Terminal, team: str) -> None:
    running(dsw, team, "first")
    second = create(dsw, team, "second")
    assert second.queue is not None
    soon = second.queue.model_copy(update={"estimate_seconds": 720})
    line = progress_line(second.model_copy(update={"queue": soon}))
    assert line.startswith("second: Queuing, place 1. Waiting for 1 GPU of type A100")
    assert line.endswith(" About 12 min.")


def test_a_create_whose_answer_was_lost_makes_nothing_twice(dsw: Terminal, team: str) -> None:
    result: Result = dsw("instances", "create", "once", "--no-start", "-w", team, who="ada")
    assert result.status == 0
    with dsw.client("ada") as api:
        assert len(api.instances(name="once")) == 1
        with pytest.raises(RemoteError, match="There is no instance"):
            api.instance("dsw-aaaaaaaaaaaa")
