"""Addresses of repositories: which host a credential goes to, and where the clone goes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.code_sources import DIRECTORY, clone_directory, repository_host
from dsw.errors import Invalid


@pytest.mark.parametrize(
    ("url", "host", "directory"),
    [
        ("https://git.example.org/team/model.git", "git.example.org", "model"),
        ("https://GIT.example.org:443/model", "git.example.org", "model"),
        ("http://git.example.org:443/model/", "git.example.org:443", "model"),
        ("http://git.example.org:80/x/model.v2.git", "git.example.org", "model.v2"),
        ("https://[2001:DB8::1]:3000/.github", "[2001:db8::1]:3000", "github"),
        ("https://git.example.org/%E6%A8%A1%E5%9E%8B.git", "git.example.org", "模型"),
    ],
)
def test_host_and_folder_follow_from_the_address(url: str, host: str, directory: str) -> None:
    assert repository_host(url) == host
    assert clone_directory(url) == directory


@pytest.mark.parametrize("name", ["", ".git", "..", "%2E%2E", "a%2Fb%2F..%00", "...", "a%0Ab"])
def test_a_repository_whose_name_is_no_folder_needs_one(name: str) -> None:
    with pytest.raises(Invalid, match="A directory is relative"):
        clone_directory(f"https://git.example.org/{name}")
    assert clone_directory(f"https://git.example.org/{name}", "a/b") == "a/b"


@given(st.text(max_size=40))
def test_no_text_leads_out_of_the_home(text: str) -> None:
    try:
        parts = clone_directory("https://git.example.org/x", text).split("/")
    except Invalid:
        return
    assert all(part and not part.startswith(".") for part in parts)
    assert re.fullmatch(DIRECTORY, "/".join(parts))
