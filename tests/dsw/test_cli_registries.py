"""`dsw workspaces registry`, and registries in a workspace's file, with a real registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import bcrypt
import pytest
from tests.dsw.terminals import Terminal, running_control
from tests.dsw_control.saving import Helpers

NUMBERS = count(1)
SECRET = "s3cret-of-the-tests"
AUTH = '\nauth: {{htpasswd: {{realm: tests, path: "{file}"}}}}\n'


@pytest.fixture(scope="module")
def control_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a control process answers that has images."""
    with running_control(tmp_path_factory.mktemp("control"), Helpers) as url:
        yield url


@pytest.fixture
def team(dsw: Terminal) -> str:
    """The name of a new workspace with a credential."""
    name = f"registry-{next(NUMBERS)}"
    dsw.ok("workspaces", "create", name, "--owner", "ada")
    return name


@pytest.fixture
def address(dsw: Terminal, team: str, start_registry: Callable[..., str], tmp_path: Path) -> str:
    """A registry that the team's credential `robot` opens."""
    file = tmp_path / "htpasswd"
    file.write_text(f"robot:{bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(5)).decode()}\n")
    found = start_registry(AUTH.format(file=file))
    words = ("--kind", "registry", "--host", found, "--username", "robot", "--secret-file", "-")
    dsw.ok("credentials", "add", "robot", *words, piped=SECRET, workspace=team)
    return found


def test_a_registry_is_set_shown_and_given_up(dsw: Terminal, team: str, address: str) -> None:
    show = ("workspaces", "registry", "show", "-w", team)
    assert "uses the installation's registry" in dsw.ok(*show)
    assert dsw.json(*show) is None
    words = ("--credential", "robot", "--insecure", "--compression", "zstd")
    line = dsw.ok("workspaces", "registry", "set", f"{address}/team/saved", *words, workspace=team)
    assert line == f"Snapshots of {team} are pushed to {address}/team/saved.\n"
    shown = [row.split() for row in dsw.ok(*show).splitlines()]
    assert ["repository", f"{address}/team/saved"] in shown
    assert ["credential", "robot"] in shown
    found = dsw.json(*show)
    assert (found["repository"], found["compression"]) == ("team/saved", "zstd")
    assert ["registry", f"{address}/team/saved"] in [
        row.split() for row in dsw.ok("workspaces", "show", team).splitlines()
    ]
    assert dsw("workspaces", "registry", "unset", "-w", team, typed="n\n").status == 1
    dsw.ok("workspaces", "registry", "unset", "-w", team, "--yes")
    assert dsw.json(*show) is None


def test_a_registry_that_does_not_let_in_is_refused(dsw: Terminal, team: str, address: str) -> None:
    words = ("workspaces", "registry", "set", f"{address}/team")
    assert dsw.refused(*words, "--insecure", workspace=team)
    said = dsw.refused("workspaces", "registry", "set", address, workspace=team)
    assert "Write HOST[:PORT]/REPOSITORY." in said
    said = dsw.refused(*words, "--insecure", "--credential", "nobody", workspace=team)
    assert "There is no registry credential 'nobody'" in said
    assert dsw.json("workspaces", "registry", "show", "-w", team) is None


def test_a_file_sets_it_and_an_export_has_it(
    dsw: Terminal, team: str, address: str, tmp_path: Path
) -> None:
    file = tmp_path / "team.yaml"
    registry = f"{{address: '{address}', repository: team, credential: robot, insecure: true}}"
    file.write_text(
        f"kind: Workspace\nname: {team}\nregistry: {registry}\n"
        "policy: {snapshots: {secrets: block, exclude: ['*.ckpt']}}\n"
    )
    said = dsw.ok("apply", "-f", str(file), "--yes")
    assert f"+ registry {address}: address {address}, repository team, credential robot" in said
    assert "no change" in dsw.ok("apply", "-f", str(file), "--yes")
    view = dsw.json("workspaces", "show", team)
    assert view["registry"]["credential"].startswith("cred-")
    assert view["policy"]["snapshots"]["secrets"] == "block"
    exported = dsw.ok("export", team)
    assert "credential: robot" in exported
    file.write_text(f"{exported}prune: true\n")
    assert "no change" in dsw.ok("apply", "-f", str(file), "--yes")
    file.write_text(f"kind: Workspace\nname: {team}\nregistry: null\n")
    assert f"- registry {address}" in dsw.ok("apply", "-f", str(file), "--yes")
    assert dsw.json("workspaces", "show", team)["registry"] is None


def test_a_credential_that_is_missing_is_told_before_anything_changes(
    dsw: Terminal, team: str, address: str, tmp_path: Path
) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(
        f"kind: Workspace\nname: {team}\nregistry: "
        f"{{address: '{address}', repository: team, credential: other, insecure: true}}\n"
    )
    said = dsw.refused("apply", "-f", str(file), "--yes")
    assert "no registry credentials called 'other'" in said
    assert dsw.json("workspaces", "show", team)["registry"] is None
