"""What is installed in layers, and what has changed of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dsw_agent.trees import (
    SITE,
    a_conda_package,
    a_wheel,
    debian_packages,
    opaque,
    put,
    whiteout,
)

from dsw_agent.merged import open_layers
from dsw_agent.packages import Installed, Inventory, changes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes whiteouts")


def installed(
    layers: list[Path], met: list[str], env: tuple[str, ...] = ()
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """What is installed below the topmost layer, and in all."""
    with open_layers([str(layer) for layer in layers]) as roots:
        before, after = Inventory(roots, 1, met, env).both()
    return [tuple(each) for each in before], [tuple(each) for each in after]


@pytest.fixture
def layers(tmp_path: Path) -> list[Path]:
    """Three empty layers, topmost first."""
    made = [tmp_path / name for name in ("upper", "middle", "bottom")]
    for layer in made:
        layer.mkdir()
    return made


def test_each_manager_s_packages_are_found_in_all_layers(layers: list[Path]) -> None:
    upper, middle, bottom = layers
    debian_packages(bottom, {"curl": "7.88.1-10+deb12u5", "libc6": "2.36-9"})
    a_wheel(bottom, "PyYAML", "6.0.3")
    a_conda_package(middle, "python-dateutil", "2.9.0")
    a_wheel(upper, "torch", "2.9.0+cu130")
    put(upper, "usr/lib/python3/dist-packages/six-1.16.0.egg-info", "Name: six\nVersion: 1.16.0\n")
    put(upper, "usr/lib/python3/dist-packages/x.egg-info/PKG-INFO", "Name: x\nVersion: 1\n")
    before, after = installed(layers, [SITE])
    below = {
        ("apt", "curl", "7.88.1-10+deb12u5"),
        ("apt", "libc6", "2.36-9"),
        ("conda", "python-dateutil", "2.9.0"),
        ("pip", "PyYAML", "6.0.3"),
    }
    assert set(before) == below
    new = {("pip", "torch", "2.9.0+cu130"), ("pip", "six", "1.16.0"), ("pip", "x", "1")}
    assert set(after) == below | new


def test_what_was_removed_or_replaced_above_does_not_count(layers: list[Path]) -> None:
    upper, middle, bottom = layers
    whiteout(upper, a_wheel(bottom, "gone", "1"))
    a_wheel(middle, "changed", "1")
    whiteout(upper, f"{SITE}/changed-1.dist-info")
    a_wheel(upper, "changed", "2")
    a_wheel(bottom, "old", "1", site="opt/other/lib/python3.11/site-packages")
    opaque(upper, "opt/other/lib")
    debian_packages(bottom, {"curl": "1"})
    debian_packages(upper, {"curl": "2", "jq": "1"}, gone="curl-doc")
    before, after = installed(layers, [])
    assert set(after) == {("pip", "changed", "2"), ("apt", "curl", "2"), ("apt", "jq", "1")}
    told = {
        (each.manager, each.name, each.before, each.after)
        for each in changes(map(_typed, before), map(_typed, after))
    }
    assert told == {
        ("pip", "gone", "1", None),
        ("pip", "old", "1", None),
        ("pip", "changed", "1", "2"),
        ("apt", "curl", "1", "2"),
        ("apt", "jq", None, "1"),
    }


def _typed(fields: tuple[str, ...]) -> Installed:
    return Installed(*fields)  # type: ignore[arg-type]


def test_a_deleted_folder_takes_its_packages_along(layers: list[Path]) -> None:
    upper, _, bottom = layers
    a_wheel(bottom, "a", "1")
    whiteout(upper, "opt/venv")
    before, after = installed(layers, [])
    assert (before, after) == ([("pip", "a", "1")], [])


def test_the_environment_names_further_places(layers: list[Path]) -> None:
    site = "srv/tools/lib/python3.12/site-packages"
    a_wheel(layers[2], "a", "1", site=site)
    assert installed(layers, [])[1] == []
    assert installed(layers, [], ("PATH=/usr/bin:/srv/tools/bin",))[1] == [("pip", "a", "1")]
    assert installed(layers, [], ("VIRTUAL_ENV=/srv/tools",))[1] == [("pip", "a", "1")]
    assert installed(layers, [], ("VIRTUAL_ENV=/../../srv/*", "PATH=:/a\0/b:/\ud800/b"))[1] == []


def test_what_conda_installed_is_not_listed_as_pip_s_too(layers: list[Path]) -> None:
    a_conda_package(layers[2], "numpy", "2.3.1")
    site = "opt/conda/lib/python3.11/site-packages"
    by_conda = a_wheel(layers[2], "numpy", "2.3.1", site=site)
    put(layers[2], f"{by_conda}/INSTALLER", "conda\n")
    put(layers[2], f"{a_wheel(layers[2], 'rich', '15', site=site)}/INSTALLER", "pip\n")
    assert installed(layers, [])[1] == [("conda", "numpy", "2.3.1"), ("pip", "rich", "15")]


def test_no_link_leads_to_packages_elsewhere(layers: list[Path], tmp_path: Path) -> None:
    outside = tmp_path / "host"
    a_wheel(outside, "secret", "1")
    debian_packages(outside, {"secret": "1"})
    (layers[0] / "opt").symlink_to(outside / "opt")
    (layers[0] / "var").symlink_to(outside / "var")
    real = layers[1] / "srv/lib/python3.11/site-packages"
    (real / "a-1.dist-info").mkdir(parents=True)
    (real / "a-1.dist-info/METADATA").symlink_to(outside / SITE / "secret-1.dist-info/METADATA")
    (real / "b-1.dist-info").symlink_to(outside / SITE / "secret-1.dist-info")
    assert installed(layers, ["srv/lib/python3.11/site-packages"])[1] == []


BROKEN = [
    b"",
    b"\xff\xfe\0",
    b"Name: a\n",
    b"Name: a b\nVersion: 1\n",
    b"Name: a\nVersion: 1\x1b[31m\n",
    b"Name: " + b"a" * 999 + b"\nVersion: 1\n",
    b"Description: x\n\nName: a\nVersion: 1\n",
]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_metadata_is_no_package(layers: list[Path], text: bytes) -> None:
    put(layers[0], f"{SITE}/a-1.dist-info/METADATA", text)
    os.mkfifo(put(layers[0], f"{SITE}/b-1.dist-info/x").with_name("METADATA"))
    (layers[0] / f"{SITE}/c-1.dist-info").touch()
    (layers[0] / f"{SITE}/d-1.dist-info/METADATA").mkdir(parents=True)
    a_wheel(layers[0], "good", "1")
    assert installed(layers, [])[1] == [("pip", "good", "1")]


@pytest.mark.parametrize("name", ["x.json", "a-1.json", "-1-0.json", "a-1-0.txt", "a-\x1b-0.json"])
def test_broken_names_are_no_conda_packages(layers: list[Path], name: str) -> None:
    put(layers[0], f"opt/conda/conda-meta/{name}")
    put(layers[0], os.fsdecode(b"opt/conda/conda-meta/\xff-1-0.json"))
    a_conda_package(layers[0], "good", "1")
    assert installed(layers, [])[1] == [("conda", "good", "1")]


@given(st.binary(max_size=300))
def test_no_list_of_debian_s_is_too_odd(text: bytes) -> None:
    from dsw_agent.packages import _dpkg

    for package in _dpkg(text + b"\n\nPackage: a\nStatus: install ok installed\nVersion: 1\n"):
        assert package.name.isascii()


def test_versions_in_several_environments_are_told_apart() -> None:
    one = [Installed("pip", "a", "1"), Installed("pip", "a", "2"), Installed("pip", "b", "1")]
    other = [Installed("pip", "a", "2"), Installed("pip", "a", "3"), Installed("pip", "b", "1")]
    told = [(each.name, each.before, each.after) for each in changes(one, other)]
    assert told == [("a", "1", "3")]
