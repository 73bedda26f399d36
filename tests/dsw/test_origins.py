"""Each user has a host of their own that every resolver and every browser takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw import origins
from dsw.names import host_label
from dsw.settings import HubSettings

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def hub(**values: Any) -> HubSettings:
    return HubSettings.model_validate({"subdomain_host": "https://dsw.example.com", **values})


@given(st.text(), st.text())
def test_two_users_never_share_a_host(one: str, other: str) -> None:
    assert (host_label(one) == host_label(other)) == (one == other)


@given(st.one_of(st.text(max_size=300), st.from_regex(r"[a-z]{1,3}-{0,3}[A-Za-z.@_-]{0,60}")))
def test_a_host_is_one_valid_label_that_is_no_encoded_name(user: str) -> None:
    label = host_label(user)
    assert LABEL.fullmatch(label)
    assert label[2:4] != "--"


@pytest.mark.parametrize(
    ("user", "label"),
    [("alice", "alice"), ("a-1", "a-1"), ("42", "42"), ("Alice", "u-alice--"), ("XN", "u-xn--")],
)
def test_a_plain_name_is_its_own_host(user: str, label: str) -> None:
    assert host_label(user).startswith(label)
    assert host_label(user) == label or label.endswith("--")


@pytest.mark.parametrize(
    "user", ["alice.evil", "alice/", "alice:8000", "alice@bob", "a%2eb", "ａlice", "alice--bob", ""]
)
def test_no_name_leads_to_another_host(user: str) -> None:
    assert origins.user_host(hub(), user).partition(".")[2] == "dsw.example.com"
    assert origins.user_host(hub(), user) != origins.user_host(hub(), "alice")


def test_an_origin_has_the_scheme_and_port_of_the_workbench() -> None:
    assert origins.user_origin(hub(), "alice") == "https://alice.dsw.example.com"
    local = hub(subdomain_host="http://dsw.localhost:8000", base_url="/x/")
    assert origins.user_origin(local, "bob") == "http://bob.dsw.localhost:8000"
    assert origins.public_url(local) == "http://dsw.localhost:8000/x/"
    shared = hub(subdomain_host="", public_url="https://hub.example.org/")
    assert origins.user_origin(shared, "bob") == ""
    assert origins.public_url(shared) == "https://hub.example.org/"


@pytest.mark.parametrize(
    ("values", "locked"),
    [
        ({}, True),
        ({"subdomain_host": "http://dsw.localhost:8000"}, False),
        ({"subdomain_host": "", "public_url": "https://hub.example.org"}, False),
    ],
)
def test_cookies_are_locked_where_they_are_safe_from_instances(
    values: dict[str, str], locked: bool
) -> None:
    assert origins.locks_cookies(hub(**values)) is locked
