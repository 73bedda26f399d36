"""`dsw usage` and `dsw audit` against a running control."""

from __future__ import annotations

import csv
import io

import pytest
from tests.dsw.terminals import Terminal


@pytest.fixture(scope="module")
def team() -> str:
    """The name of the workspace of these tests."""
    return "records"


@pytest.fixture(autouse=True)
def history(dsw: Terminal, team: str) -> None:
    """The workspace exists, and something was done and refused in it."""
    if dsw("workspaces", "show", team).status != 0:
        dsw.ok("workspaces", "create", team, "--owner", "ada")
        dsw.ok("members", "set", "bob", "--role", "guest", "-w", team, who="ada")
        dsw.refused("members", "set", "bob", "--role", "owner", "-w", team, who="bob")


def test_the_audit_log_is_filtered_and_limited(dsw: Terminal, team: str) -> None:
    lines = dsw.json("audit", "-w", team, "--action", "member.manage", who="ada")
    assert [line["actor"] for line in lines if line["outcome"] == "done"] == ["ada"]
    denied = dsw.json("audit", "-w", team, "--outcome", "denied", who="ada")
    assert {line["actor"] for line in denied} == {"bob"}
    assert len(dsw.json("audit", "-w", team, "--limit", "1", who="ada")) == 1
    text = dsw.ok("audit", "-w", team, "--actor", "ada", who="ada")
    assert "member.manage" in text
    assert '"roles": ["guest"]' in text


def test_the_audit_log_of_a_time_without_anything_is_empty(dsw: Terminal, team: str) -> None:
    words = ("audit", "-w", team, "--since", "2001-01-01", "--until", "2001-02-01T12:00")
    assert "There is nothing in the log" in dsw.ok(*words, who="ada")
    assert dsw("audit", "--since", "yesterday").status == 2


def test_the_audit_log_is_written_as_csv(dsw: Terminal, team: str) -> None:
    rows = list(csv.DictReader(io.StringIO(dsw.ok("audit", "-w", team, "--csv", who="ada"))))
    assert {row["actor"] for row in rows} >= {"ada", "bob"}
    assert "member.manage" in {row["action"] for row in rows}


def test_who_may_not_read_the_log_is_told_so(dsw: Terminal, team: str) -> None:
    assert "does not allow audit.read" in dsw.refused("audit", "-w", team, who="bob")


@pytest.mark.parametrize("by", ["user", "workspace", "resource_group", "day"])
def test_use_is_shown_by_what_is_asked_for(dsw: Terminal, team: str, by: str) -> None:
    report = dsw.json("usage", "--by", by, "-w", team, "--since", "2026-01-01", who="ada")
    assert report["by"] == by
    text = dsw.ok("usage", "--by", by, "-w", team, who="ada")
    assert " to " in text.splitlines()[0]


def test_use_is_written_as_csv(dsw: Terminal, team: str) -> None:
    header = dsw.ok("usage", "--csv", "-w", team, "--group", "local", who="ada").splitlines()[0]
    assert header == "key,runs,hours,cpu_hours,memory_gib_hours,gpu_hours,storage"


def test_folders_are_shown_to_those_who_may_see_them(dsw: Terminal, team: str) -> None:
    report = dsw.json("storage", "-w", team, who="bob")
    assert {folder["owner"] for folder in report["folders"]} <= {"", "bob"}
    assert "local processes" in report["why_not"]
    dsw.ok("storage", "-w", team, "--user", "bob", who="ada")
    assert dsw.refused("storage", "-w", team, "--user", "ada", who="bob")


def test_ones_own_use_needs_no_right(dsw: Terminal) -> None:
    assert dsw.json("usage", "--user", "bob", who="bob")["by"] == "user"
    assert dsw.refused("usage", "--user", "ada", who="bob")
