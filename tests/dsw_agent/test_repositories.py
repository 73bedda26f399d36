"""Where repositories stand, by what git itself writes and by what attackers would."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.dsw_agent.trees import put

from dsw.image_report import Repository
from dsw_agent.repositories import repositories, without_credentials

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *arguments: str) -> str:
    """Run git; its output."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "a@example.org" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def a_repository(folder: Path, branch: str = "main") -> str:
    """A repository with one commit, whose hash is the answer."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", branch)
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(folder, "rev-parse", "HEAD")


def only(home: Path) -> Repository:
    """The one repository that is found."""
    found = repositories(str(home))
    assert len(found) == 1
    return found[0]


def test_the_home_itself_and_folders_directly_in_it_are_looked_at(tmp_path: Path) -> None:
    commits = {name: a_repository(tmp_path / name) for name in (".", "train", "größe 2", "deep/er")}
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    found = {each.path: each.commit for each in repositories(str(tmp_path))}
    assert found == {name: commits[name] for name in (".", "train", "größe 2")}


def test_branch_commit_and_remote_are_told(tmp_path: Path) -> None:
    a_repository(tmp_path, "feature/ünï")
    git(tmp_path, "remote", "add", "upstream", "https://example.org/up.git")
    git(tmp_path, "remote", "add", "origin", "https://bob:s3cret@example.org:8443/team/x.git")
    found = only(tmp_path)
    assert found.branch == "feature/ünï"
    assert found.commit == git(tmp_path, "rev-parse", "HEAD")
    assert found.remote == "https://example.org:8443/team/x.git"
    git(tmp_path, "remote", "remove", "origin")
    assert only(tmp_path).remote == "https://example.org/up.git"


def test_packed_references_and_no_branch_at_all_are_understood(tmp_path: Path) -> None:
    commit = a_repository(tmp_path)
    git(tmp_path, "branch", "main2")
    git(tmp_path, "pack-refs", "--all")
    assert (only(tmp_path).commit, only(tmp_path).branch) == (commit, "main")
    git(tmp_path, "checkout", "--quiet", "--detach")
    assert (only(tmp_path).commit, only(tmp_path).branch) == (commit, "")


def test_work_trees_and_submodules_are_followed_within_the_home(tmp_path: Path) -> None:
    """Their paths are those of the instance, where the home is at another place."""
    main, inner = tmp_path / "main", tmp_path / "inner"
    a_repository(main)
    commit = a_repository(inner)
    git(main, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    git(main, "submodule", "--quiet", "add", str(inner), "sub")
    for file in (tmp_path / "side/.git", *main.rglob("gitdir")):
        file.write_text(file.read_text().replace(str(tmp_path), "/mnt/workspace"))
    found = {each.path: each for each in repositories(str(tmp_path))}
    assert found["side"].branch == "side"
    assert found["side"].commit == found["main"].commit
    assert {each.path: each for each in repositories(str(main))}["sub"].commit == commit


@pytest.mark.parametrize("way", ["../host", "/mnt/workspace/../host", "/etc", "{host}", "", "x\0y"])
def test_no_file_leads_out_of_the_home(way: str, tmp_path: Path) -> None:
    a_repository(tmp_path / "host")
    put(tmp_path, "home/.git", f"gitdir: {way.format(host=tmp_path / 'host')}/.git\n")
    put(tmp_path, "home/two/.git/HEAD", COMMIT)
    put(tmp_path, "home/two/.git/commondir", f"{way}/.git\n")
    found = repositories(str(tmp_path / "home"))
    assert [(each.path, each.remote) for each in found] == [("two", "")]


def test_no_link_is_followed(tmp_path: Path) -> None:
    a_repository(tmp_path / "host")
    home = tmp_path / "home"
    (home / "a").mkdir(parents=True)
    (home / "a/.git").symlink_to(tmp_path / "host/.git")
    (home / "b").symlink_to(tmp_path / "host")
    put(home, "c/.git/config")
    (home / "c/.git/HEAD").symlink_to(tmp_path / "host/.git/HEAD")
    put(home, "d/.git/HEAD", "ref: refs/heads/main")
    (home / "d/.git/refs").symlink_to(tmp_path / "host/.git/refs")
    assert repositories(str(home)) == []


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfe",
        b"ref: refs/heads/../../../../host/.git/refs/heads/main",
        b"ref: /etc/passwd",
        b"ref: refs/heads/a\x1b[31m",
        b"ref: " + b"refs/" * 500,
        b"deadbeef",
        COMMIT.encode() + b"0",
        b"0" * 5000,
    ],
)
def test_a_broken_head_is_no_repository(head: bytes, tmp_path: Path) -> None:
    put(tmp_path, ".git/HEAD", head)
    put(tmp_path, ".git/packed-refs", f"{COMMIT} refs/heads/main\n")
    assert repositories(str(tmp_path)) == []


def test_what_cannot_be_read_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git/HEAD")
    assert repositories(str(tmp_path)) == []
    assert repositories(str(tmp_path / "absent")) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/x.git", "https://example.org/x.git"),
        ("https://tok3n@example.org/x.git", "https://example.org/x.git"),
        ("https://bob:tok%40en@example.org/x", "https://example.org/x"),
        ("https://a@b:tok3n@example.org/x", "https://example.org/x"),
        ("https://example.org/x?private_token=tok3n#tok3n", "https://example.org/x"),
        ("HTTPS://Example.org/X", "https://example.org/X"),
        ("ssh://git@example.org:22/x", "ssh://git@example.org:22/x"),
        ("ssh://bob:tok3n@[::1]/x", "ssh://[::1]/x"),
        ("git@example.org:team/x.git", "git@example.org:team/x.git"),
        ("bob:tok3n@example.org:x", ""),
        ("https:tok3n@example.org/x", ""),
        ("https://example.org:port/x", ""),
        ("https://[::1/x", ""),
        ("ext::sh -c tok3n", ""),
        ("file:///srv/x", ""),
        ("/srv/x", ""),
        ("", ""),
    ],
)
def test_a_remote_is_shown_without_credentials(url: str, shown: str) -> None:
    assert without_credentials(url) == shown
