"""Names are valid and never shared, whatever people type."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dsw.errors import Invalid
from dsw.names import (
    SERVER_NAME,
    SERVER_NAME_MAX,
    check_server_name,
    container_name,
    id_pattern,
    new_id,
    server_name,
    slug,
)
from dsw.workspaces import WorkspaceCreate, check_username

NASTY = [
    "a-b",
    "a--b",
    "ａ",
    "A",
    "a",
    ".",
    "..",
    "a/b",
    "a b",
    "",
    "-a",
    "a-",
    "é",
    "e",
    "x" * 300,
]


@given(st.text(), st.text())
def test_two_texts_never_share_a_slug(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)


def test_look_alikes_and_odd_names_have_slugs_of_their_own() -> None:
    assert len({slug(text) for text in NASTY}) == len(NASTY)


@given(st.text(max_size=400))
def test_a_slug_is_one_valid_path_part_and_dns_label(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", slug(text))


@given(st.text(max_size=400), st.sets(st.from_regex(SERVER_NAME, fullmatch=True), max_size=5))
def test_any_display_name_gives_a_free_valid_server_name(text: str, taken: set[str]) -> None:
    name = server_name(text, taken)
    assert name not in taken
    assert check_server_name(name) == name


def test_a_taken_name_gets_the_next_number() -> None:
    assert server_name("Train run", {"train-run", "train-run-2"}) == "train-run-3"
    long = "a" * SERVER_NAME_MAX
    assert server_name(long, {long}) == "a" * (SERVER_NAME_MAX - 2) + "-2"


@pytest.mark.parametrize("name", ["", "A", "1a", "a--b", "a-", "a/b", "训练", "a" * 31, "a\n"])
def test_a_name_that_the_hub_refuses_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(Invalid, match="1 to 30 characters"):
        check_server_name(name)


@pytest.mark.parametrize("kind", ["dsw", "img", "snap", "ws"])
def test_ids_match_the_pattern_of_their_kind(kind: str) -> None:
    assert re.match(id_pattern(kind), new_id(kind))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["alice", "a-b", "A.B", "小明", "e\u0301", "аnna", "x" * 255])
def test_a_name_of_any_script_can_be_a_members(name: str) -> None:
    assert check_username(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "...", "a/b", "/", " a", "a ", "a\n", "\x00", "\x7f", "\x85", "x" * 256]
)
def test_a_name_that_no_hub_has_cannot_be_a_members(name: str) -> None:
    with pytest.raises(Invalid, match="the name that the hub knows"):
        check_username(name)


@given(st.text(max_size=300))
def test_a_members_name_never_leaves_its_folder_or_shares_it(text: str) -> None:
    try:
        name = check_username(text)
    except Invalid:
        return
    assert slug(name) not in ("", ".", "..")
    assert "/" not in slug(name)
    assert slug(f"{name}x") != slug(name)


@given(st.text("ab1-.A/ é", max_size=32))
def test_a_workspaces_name_that_may_be_used_is_a_plain_word(text: str) -> None:
    try:
        WorkspaceCreate(name=text)
    except ValidationError:
        assert not re.fullmatch(r"[a-z][a-z0-9-]{0,29}", text)
    else:
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,29}", text)


def test_two_objects_never_share_a_container_name() -> None:
    assert container_name("main", "dsw-a") != container_name("main", "dsw-b")
    assert container_name("one", "dsw-a") != container_name("two", "dsw-a")
