"""References of images, taken apart as the `docker` command does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.errors import Invalid
from dsw.references import DEFAULT_HOST, host_name, names_a_host, parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("python", f"{DEFAULT_HOST}/library/python:latest"),
        ("python:3.12", f"{DEFAULT_HOST}/library/python:3.12"),
        ("team/torch", f"{DEFAULT_HOST}/team/torch:latest"),
        (f"index.{DEFAULT_HOST}/team/torch", f"{DEFAULT_HOST}/team/torch:latest"),
        (f"{DEFAULT_HOST}/python", f"{DEFAULT_HOST}/library/python:latest"),
        ("ghcr.io/team/torch:2.9", "ghcr.io/team/torch:2.9"),
        ("GHCR.io:443/team/torch", "ghcr.io/team/torch:latest"),
        ("localhost/torch", "localhost/torch:latest"),
        ("registry:5000/a/b/c", "registry:5000/a/b/c:latest"),
        (f"torch@{DIGEST}", f"{DEFAULT_HOST}/library/torch@{DIGEST}"),
        (f"ghcr.io/team/torch:2.9@{DIGEST}", f"ghcr.io/team/torch@{DIGEST}"),
        ("a__b/c.d-e--f:T_1.x", f"{DEFAULT_HOST}/a__b/c.d-e--f:T_1.x"),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(text: str, meant: str) -> None:
    reference = parse_reference(text)
    assert str(reference) == meant
    assert parse_reference(meant) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Team/torch",
        "torch:",
        "torch:a:b",
        "ghcr.io/",
        "ghcr.io/torch:a/b",
        "a//b",
        "/a",
        "a/",
        "../etc",
        "ghcr.io/../../v2/x",
        "http://ghcr.io/torch",
        "user:pass@ghcr.io/torch",
        "ghcr.io/torch@sha256:1",
        f"ghcr.io/torch@{DIGEST}x",
        "torch@",
        "[::1]:5000/torch",
        "-ghcr.io/torch",
        "ghcr.io:5000000/torch",
        "torch\n",
        "tor ch",
        "ghcr.io/torch?x=1",
        "ghcr.io/torch%2f",
        "ghcr.io/" + "a" * 250,
        "torch:" + "t" * 129,
    ],
)
def test_what_is_no_reference_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(Invalid, match="is no reference of an image"):
        parse_reference(text)


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_refused_and_one_means_the_same_again(text: str) -> None:
    try:
        reference = parse_reference(text)
    except Invalid:
        return
    assert parse_reference(str(reference)) == reference
    assert bool(reference.tag) != bool(reference.digest)
    assert len(str(reference)) <= 512


def test_hosts_are_compared_by_one_name() -> None:
    assert host_name("Registry-1.Docker.io") == host_name("index.docker.io:443") == "docker.io"
    assert host_name("ghcr.io:5000") == "ghcr.io:5000"
    assert names_a_host("LocalHost")
    assert not names_a_host("library")
