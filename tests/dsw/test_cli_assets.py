"""`dsw credentials`, `dsw code` and `dsw images` against a running control without an engine."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from tests.dsw.terminals import Terminal

NUMBERS = count(1)
GIT = ("--kind", "git", "--host", "git.example.org")


@pytest.fixture
def team(dsw: Terminal) -> str:
    """The name of a new workspace of ada and bob."""
    name = f"assets-{next(NUMBERS)}"
    dsw.ok("workspaces", "create", name, "--owner", "ada")
    dsw.ok("members", "set", "bob", "--role", "developer", "-w", name)
    return name


def test_a_secret_comes_from_a_prompt_a_file_or_a_pipe_and_is_never_shown(
    dsw: Terminal, team: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("top-s3cret\n")
    monkeypatch.setattr("getpass.getpass", lambda prompt="", stream=None: "top-s3cret")
    printed = [
        dsw.ok("credentials", "add", "one", *GIT, "--secret-file", str(file), workspace=team),
        dsw.ok(
            "credentials",
            "add",
            "two",
            *GIT,
            "--secret-file",
            "-",
            "--json",
            piped="top-s3cret",
            workspace=team,
        ),
        dsw.ok("credentials", "add", "three", *GIT, "--username", "u", typed="", workspace=team),
        dsw.ok("credentials", "list", "--json", workspace=team),
        dsw.ok("credentials", "list", workspace=team),
    ]
    assert "top-s3cret" not in "".join(printed)
    names = {item["name"] for item in dsw.json("credentials", "list", workspace=team)}
    assert names == {"one", "two", "three"}


def test_without_a_terminal_a_secret_is_not_asked_for(dsw: Terminal, team: str) -> None:
    said = dsw.refused("credentials", "add", "x", *GIT, workspace=team)
    assert "Give --secret-file FILE" in said
    words = ("credentials", "add", "x", *GIT, "--secret-file", "-")
    assert "The secret is empty" in dsw.refused(*words, piped="\n", workspace=team)
    missing = ("credentials", "add", "x", *GIT, "--secret-file", "/nowhere")
    assert "cannot be read" in dsw.refused(*missing, workspace=team)


def test_code_is_registered_with_a_credential_by_name(dsw: Terminal, team: str) -> None:
    dsw.ok("credentials", "add", "git", *GIT, "--secret-file", "-", piped="s", workspace=team)
    url = "https://git.example.org/models.git"
    words = ("--ref", "main", "--directory", "src/models", "--credential", "git")
    dsw.ok("code", "add", "models", url, *words, workspace=team)
    [item] = dsw.json("code", "list", who="bob", workspace=team)
    assert (item["url"], item["ref"], item["directory"]) == (url, "main", "src/models")
    assert "/mnt/workspace/src/models" in dsw.ok("code", "list", who="bob", workspace=team)
    said = dsw.refused("credentials", "delete", "git", "--yes", workspace=team)
    assert "is used by the code source 'models'" in said
    dsw.ok("code", "delete", "models", "--yes", workspace=team)
    dsw.ok("credentials", "delete", "git", "--yes", workspace=team)
    assert "No credentials are stored" in dsw.ok("credentials", "list", workspace=team)


def test_an_instance_is_made_with_a_code_source_by_name(dsw: Terminal, team: str) -> None:
    dsw.ok("code", "add", "models", "https://git.example.org/m.git", workspace=team)
    [source] = dsw.json("code", "list", workspace=team)
    words = ("--spec", "small", "--code", "models", "--no-start")
    made = dsw.json("instances", "create", "coder", *words, who="bob", workspace=team)
    assert made["code_source"] == source["id"]
    assert "coder" in dsw.refused("code", "delete", "models", "--yes", workspace=team)
    dsw.ok("instances", "change", "coder", "--code", "", who="bob")
    dsw.ok("code", "delete", "models", "--yes", workspace=team)


def test_another_teams_code_and_credentials_do_not_exist(dsw: Terminal, team: str) -> None:
    dsw.ok("code", "add", "models", "https://git.example.org/m.git", workspace=team)
    dsw.ok("credentials", "add", "git", *GIT, "--secret-file", "-", piped="s", workspace=team)
    assert "no code source" in dsw.refused("code", "delete", "models", "--yes", who="eve")
    assert "no credential" in dsw.refused("credentials", "delete", "git", "--yes", who="eve")


def test_the_catalog_is_listed_and_an_image_shown(dsw: Terminal) -> None:
    assert "base" in dsw.ok("images", "list", "--source", "official", who="ada")
    name = dsw.json("images", "list", who="ada")[0]["name"]
    assert "source" in dsw.ok("images", "show", name, who="ada")
    assert dsw.json("images", "lineage", name, who="ada")[0]["name"] == name
    dsw.ok("instances", "create", "user", "--no-start", "-w", "default", who="ada")
    assert "ada/user" in dsw.ok("images", "usage", name, who="ada")
    assert dsw.json("images", "list", "--name", "no such name") == []
    assert "There is no image 'nope'" in dsw.refused("images", "show", "nope")
