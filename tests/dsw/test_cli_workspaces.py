"""`dsw workspaces`, `members`, `roles`, `quotas` and `groups` against a running control."""

from __future__ import annotations

from itertools import count

import pytest
from tests.dsw.terminals import Terminal

NUMBERS = count(1)


@pytest.fixture
def team(dsw: Terminal) -> str:
    """The name of a new workspace whose owner is ada."""
    name = f"team-{next(NUMBERS)}"
    dsw.ok("workspaces", "create", name, "--display-name", "Our team", "--owner", "ada")
    return name


def test_a_workspace_is_made_changed_and_shown(dsw: Terminal, team: str) -> None:
    dsw.ok("workspaces", "change", team, "--description", "Sees", "--no-sudo", who="ada")
    shown = dsw.json("workspaces", "show", team, who="ada")
    assert (shown["display_name"], shown["description"]) == ("Our team", "Sees")
    assert shown["policy"]["sudo"] is False
    assert shown["policy"]["max_priority"]["owner"] == 9
    text = dsw.ok("workspaces", "show", team, who="ada")
    assert "your roles      owner" in text
    assert team in dsw.ok("workspaces", "list", who="ada")
    assert team not in dsw.ok("workspaces", "list", who="stranger")


def test_what_others_wrote_cannot_command_the_terminal(dsw: Terminal, team: str) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07 fine\x9b31m"
    dsw.ok("workspaces", "change", team, "--description", evil, who="ada")
    shown = dsw.ok("workspaces", "show", team) + dsw.ok("export", team)
    file = f"kind: Workspace\nname: {team}\ndescription: plain\n"
    shown += dsw.ok("apply", "-f", "-", "--dry-run", piped=file)
    assert "fine" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_an_archived_workspace_comes_back_and_an_empty_one_is_deleted(
    dsw: Terminal, team: str
) -> None:
    dsw.ok("workspaces", "archive", team, "--yes")
    assert dsw.json("workspaces", "show", team)["archived_at"] is not None
    assert "archived" in dsw.refused("members", "set", "bob", "--role", "guest", "-w", team)
    dsw.ok("workspaces", "unarchive", team)
    dsw.ok("workspaces", "delete", team, typed="y\n")
    assert "There is no workspace" in dsw.refused("workspaces", "show", team)


def test_a_delete_that_is_not_confirmed_does_nothing(dsw: Terminal, team: str) -> None:
    assert dsw("workspaces", "delete", team, typed="n\n").status == 1
    assert dsw("workspaces", "delete", team).status == 1
    assert dsw.json("workspaces", "show", team)["name"] == team


def test_only_platform_administrators_make_workspaces(dsw: Terminal) -> None:
    assert "Only platform administrators" in dsw.refused("workspaces", "create", "x", who="ada")


def test_members_get_roles_and_lose_access(dsw: Terminal, team: str) -> None:
    dsw.ok("members", "set", "bob", "--role", "developer", "--role", "operator", "-w", team)
    dsw.ok("members", "disable", "bob", "-w", team, who="ada")
    # A disabled member's roles can change; they stay disabled.
    dsw.ok("members", "set", "bob", "--role", "developer", "-w", team)
    items = {item["username"]: item for item in dsw.json("members", "list", "-w", team)}
    assert items["bob"]["roles"] == ["developer"]
    assert items["bob"]["disabled"] is True
    assert team in dsw.refused("workspaces", "show", team, who="bob")
    dsw.ok("members", "enable", "bob", "-w", team, who="ada")
    assert dsw.json("workspaces", "show", team, who="bob")["roles"] == ["developer"]
    dsw.ok("members", "remove", "bob", "--yes", "-w", team, who="ada")
    assert "bob" not in dsw.ok("members", "list", "-w", team)
    assert "not in this workspace" in dsw.refused("members", "enable", "bob", "-w", team)


def test_a_refusal_is_controls_sentence(dsw: Terminal, team: str) -> None:
    said = dsw.refused("members", "set", "ada", "--role", "guest", "-w", team, who="ada")
    assert "'ada' is the last owner" in said
    said = dsw.refused("members", "set", "bob", "--role", "pilot", "-w", team, who="ada")
    assert "There is no role 'pilot' here" in said


def test_a_value_of_the_wrong_kind_ends_with_2(dsw: Terminal, team: str) -> None:
    assert dsw("members", "set", "bob", "--role", "Ow ner", "-w", team).status == 2
    assert dsw("roles", "set", "x", "--action", "fly", "-w", team).status == 2
    assert dsw("quotas", "set", "local", "--cpu", "lots", "-w", team).status == 2


def test_a_role_is_made_of_actions(dsw: Terminal, team: str) -> None:
    words = ("--action", "image.read", "--action", "code.read", "--description", "Looks")
    dsw.ok("roles", "set", "reviewer", *words, "-w", team, who="ada")
    roles = {role["name"]: role for role in dsw.json("roles", "list", "-w", team)}
    assert roles["reviewer"]["actions"] == ["code.read", "image.read"]
    assert roles["owner"]["builtin"] is True
    dsw.ok("members", "set", "bob", "--role", "reviewer", "-w", team)
    assert "reviewer" in dsw.refused("roles", "delete", "reviewer", "--yes", "-w", team)
    dsw.ok("members", "remove", "bob", "--yes", "-w", team)
    dsw.ok("roles", "delete", "reviewer", "--yes", "-w", team)
    assert "reviewer" not in dsw.ok("roles", "list", "-w", team)


def test_quotas_are_set_limit_by_limit(dsw: Terminal, team: str) -> None:
    dsw.ok("quotas", "set", "gpus", "--gpu", "A100=2", "--memory", "64GiB", "-w", team)
    dsw.ok("quotas", "set", "gpus", "--cpu", "7.5", "--storage", "1TiB", "-w", team)
    dsw.ok("quotas", "set", "gpus", "--per-member", "--instances", "2", "-w", team, who="ada")
    dsw.ok("quotas", "set", "gpus", "--member", "bob", "--gpu", "A100=1", "-w", team, who="ada")
    dsw.ok("quotas", "set", "gpus", "--band", "high", "--cpu", "2", "-w", team)
    [item] = dsw.json("quotas", "show", "gpus", "-w", team)
    quota = item["quota"]
    assert quota["limits"]["gpus"] == {"A100": 2}
    assert quota["limits"]["memory"] == 64 * 1024**3
    assert quota["limits"]["cpu"] == 7.5
    assert quota["storage"] == 1024**4
    assert quota["per_member"]["instances"] == 2
    assert quota["members"]["bob"]["gpus"] == {"A100": 1}
    text = dsw.ok("quotas", "show", "-w", team)
    assert "0 B of 64 GiB" in text
    assert "A100: 0 of 2" in text
    assert "high priority" in text
    dsw.ok("quotas", "set", "gpus", "--gpu", "A100=none", "--memory", "none", "-w", team)
    [item] = dsw.json("quotas", "show", "gpus", "-w", team)
    assert item["quota"]["limits"]["gpus"] == {}
    assert item["quota"]["limits"]["memory"] is None


def test_who_divides_a_quota_cannot_raise_it(dsw: Terminal, team: str) -> None:
    said = dsw.refused("quotas", "set", "local", "--cpu", "1000", "-w", team, who="ada")
    assert "given by platform administrators" in said


def test_a_quota_can_be_taken_away_and_given_again(dsw: Terminal, team: str) -> None:
    dsw.ok("quotas", "remove", "gpus", "--yes", "-w", team)
    assert "no quota here" in dsw.ok("quotas", "show", "gpus", "-w", team)
    dsw.ok("quotas", "set", "gpus", "--cpu", "1", "-w", team)
    [item] = dsw.json("quotas", "show", "gpus", "-w", team)
    assert item["quota"]["limits"]["cpu"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "No limit is given"),
        (("--gpu", "A100"), "is no limit of GPUs. Write TYPE=N"),
        (("--cpu", "1", "--per-member", "--role", "guest"), "one scope at a time"),
        (("--storage", "1GiB", "--per-member"), "for the workspace as a whole only"),
    ],
)
def test_words_that_are_no_limit_are_refused(
    dsw: Terminal, team: str, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in dsw.refused("quotas", "set", "local", *words, "-w", team)


def test_resource_groups_are_listed_with_what_is_free(dsw: Terminal) -> None:
    text = dsw.ok("groups", "list", who="ada")
    assert "A100: 2 of 2 free" in text
    groups = {item["name"]: item for item in dsw.json("groups", "list")}
    assert groups["gpus"]["specs"] == ["gpu"]


def test_without_a_name_the_only_workspace_is_meant(dsw: Terminal, team: str) -> None:
    # Everybody lands in the default one, so a second one is a question.
    assert "Which workspace?" in dsw.refused("members", "list", who="ada")
    assert dsw.json("members", "list", who="newcomer")[-1]["roles"] == ["developer"]
    names = [item["username"] for item in dsw.json("members", "list", who="ada", workspace=team)]
    assert names == ["ada"]
