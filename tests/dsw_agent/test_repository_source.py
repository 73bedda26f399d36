"""Repositories checked out for the node, from a real git server."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.dsw_agent.nodes import LONG
from tests.git_servers import GitServer, git, git_server
from tests.ports import an_unused_port

from dsw.git_words import without_secret
from dsw.mounts import MountReason
from dsw.node_mounts import CHECKOUT, Repository, SourceReport, SourceRequest, SourceState
from dsw_agent.mounting import repository_source
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.source_reports import SourceReporter

SECRET = "p%ss/w@rd: of the host"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "served") as started:
        yield started


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def check_out(
    cache: Path, url: str, ref: str = "", cache_bytes: int = 0, **credential: str
) -> list[SourceReport]:
    """All lines of a checkout."""
    repository = Repository(url=url, ref=ref, **credential)
    request = SourceRequest(
        key="ds-1", repository=repository, cache=str(cache), cache_bytes=cache_bytes
    )
    out = io.StringIO()
    stage = cache.parent / "stage"
    stage.mkdir(exist_ok=True)
    code = repository_source.check_out(
        Node(stage=str(stage)), request, SourceReporter(out), threading.Event()
    )
    lines = [SourceReport.model_validate_json(line) for line in out.getvalue().splitlines()]
    assert (code == 0) == (lines[-1].state is SourceState.READY)
    assert list(stage.iterdir()) == []
    if secret := credential.get("secret"):
        assert json.dumps(secret)[1:-1] not in out.getvalue()
        assert not any(secret.encode() in file.read_bytes() for file in _files(cache))
    return lines


def refused(cache: Path, url: str, ref: str = "", **more: str) -> tuple[MountReason, str]:
    last = check_out(cache, url, ref, **more)[-1]
    assert last.state is SourceState.FAILED
    return last.reason, last.message


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def shown(cache: Path) -> dict[str, str]:
    files = _files(cache / CHECKOUT)
    return {str(path.relative_to(cache / CHECKOUT)): path.read_text() for path in files}


def test_the_files_of_a_branch_a_tag_and_a_commit(server: GitServer, cache: Path) -> None:
    url = server.repository("letters", {"a.txt": "one", "deep/b.txt": "b"})
    first = git(server.root / "letters.work", "rev-parse", "HEAD")
    server.tag("letters", "v1")
    second = server.commit("letters", {"a.txt": "two"}, push="main")
    lines = check_out(cache, url)
    assert (lines[-1].commit, lines[-1].percent) == (second, 100)
    assert lines[0].state is SourceState.PREPARING
    assert shown(cache) == {"a.txt": "two", "deep/b.txt": "b"}
    for ref, text in (("v1", "one"), ("main", "two"), (first, "one"), (second, "two")):
        assert check_out(cache, url, ref)[-1].commit == (first if text == "one" else second)
        assert shown(cache)["a.txt"] == text
    assert check_out(cache, url, first[:10])[-1].commit == first
    assert not (cache / CHECKOUT / ".git").exists()


def test_a_newer_checkout_takes_the_place_of_an_older_one(server: GitServer, cache: Path) -> None:
    url = server.repository("letters", {"a.txt": "one", "gone.txt": "x"})
    check_out(cache, url)
    (cache / CHECKOUT / "a.txt").write_text("half writ")
    (cache / "commit").unlink()
    git(server.root / "letters.work", "rm", "--quiet", "gone.txt")
    server.commit("letters", {"b.txt": "b"}, push="main")
    check_out(cache, url)
    assert shown(cache) == {"a.txt": "one", "b.txt": "b"}


def test_a_credential_opens_its_host_alone(server: GitServer, cache: Path, tmp_path: Path) -> None:
    url = server.repository("letters", {"a.txt": "one"})
    server.user, server.password = "ann@example.org", SECRET
    check_out(cache, url, username=server.user, secret=SECRET)
    assert shown(cache) == {"a.txt": "one"}
    reason, message = refused(cache, url, username=server.user, secret="wrong")
    assert reason is MountReason.REFUSED
    assert "does not let the node read the repository" in message
    assert refused(cache, url)[0] is MountReason.REFUSED
    with git_server(tmp_path / "elsewhere") as other:
        other.password = "x"
        server.user, server.password, server.elsewhere = "", "", other.url
        assert refused(cache, url, username="ann", secret=SECRET)[0] is MountReason.REFUSED
        assert other.asked
        assert {authorization for _, authorization in other.asked} == {""}


def test_a_server_that_says_the_secret_is_not_quoted(server: GitServer, cache: Path) -> None:
    url = server.repository("letters", {"a.txt": "one"})
    server.refusal = f"not with {SECRET}"
    assert "returned error: 403" in refused(cache, url, username="ann", secret=SECRET)[1]
    basic = base64.b64encode(f"ann:{SECRET}".encode()).decode()
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), basic):
        assert without_secret(f"<{form}>", "ann", SECRET) == "<***>"


def test_what_is_not_there_is_named(server: GitServer, cache: Path) -> None:
    url = server.repository("letters", {"a.txt": "one"})
    for ref in ("no-such-branch", "0" * 40, "abcdef1"):
        reason, message = refused(cache, url, ref)
        assert reason is MountReason.SOURCE_GONE
        assert message == f"The repository has no branch, tag or commit {ref}."
    reason, message = refused(cache, f"{server.url}/none.git")
    assert (reason, "no such repository" in message) == (MountReason.SOURCE_GONE, True)
    reason, message = refused(cache, f"http://127.0.0.1:{an_unused_port()}/x.git")
    assert reason is MountReason.SOURCE_UNREACHABLE
    assert "cannot be reached" in message


def test_a_server_that_hangs_is_not_waited_for(
    server: GitServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_source, "SECONDS_TO_ANSWER", 1.0)
    url = server.repository("letters", {"a.txt": "one"})
    let_go = threading.Event()
    allowed = server.allowed
    server.allowed = lambda header: let_go.wait(LONG) and allowed(header)  # type: ignore[method-assign]
    try:
        reason, message = refused(cache, url)
    finally:
        let_go.set()
    assert reason is MountReason.SOURCE_UNREACHABLE
    assert "does not answer in time" in message


@pytest.mark.parametrize("url", ["file:///etc", "ssh://127.0.0.1/x", "ext::sh -c id", "/etc"])
def test_other_protocols_are_not_spoken(cache: Path, url: str) -> None:
    assert check_out(cache, url)[-1].state is SourceState.FAILED
    assert not (cache / CHECKOUT).exists()


@pytest.mark.parametrize("ref", ["--upload-pack=id", "+main", "main:other", "a b", "*"])
def test_a_ref_that_is_none_is_refused(server: GitServer, cache: Path, ref: str) -> None:
    url = server.repository("letters", {"a.txt": "one"})
    assert refused(cache, url, ref)[0] is MountReason.REFUSED


def test_nothing_of_the_repository_runs_and_no_submodule_comes(
    server: GitServer, cache: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    modules = '[submodule "x"]\n\tpath = x\n\turl = ' + server.url + "/other.git\n"
    url = server.repository(
        "letters",
        {
            ".gitmodules": modules,
            ".gitattributes": "* filter=evil\n",
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {proof}\n',
            "hooks/post-checkout": f"#!/bin/sh\ntouch {proof}\n",
            "a.txt": "one",
        },
    )
    check_out(cache, url)
    assert shown(cache)["a.txt"] == "one"
    assert not proof.exists()
    assert not any("other" in path for path, _ in server.asked)


def test_a_repository_larger_than_the_cache_is_refused(server: GitServer, cache: Path) -> None:
    url = server.repository("letters", {f"{n}.txt": "x" * 10_000 for n in range(30)})
    last = check_out(cache, url, cache_bytes=200_000)[-1]
    assert last.state is SourceState.FAILED
    assert "300000 bytes" in last.message
    assert not (cache / CHECKOUT).exists()
