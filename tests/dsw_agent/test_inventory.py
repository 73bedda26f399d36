"""What is written down about a saved image."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_agent.test_repositories import a_repository
from tests.dsw_agent.test_sbom import complaint
from tests.dsw_agent.trees import a_wheel, debian_packages, put, request_of

from dsw.image_report import Finding, ImageReport, LeftOut
from dsw.snapshots import SnapshotMode
from dsw_agent import inventory


@pytest.fixture
def layers(tmp_path: Path) -> list[Path]:
    """An upper directory with a package, and two layers below it with one each."""
    found = [tmp_path / name for name in ("upper", "saved", "base")]
    for folder, name in zip(found, ("new", "saved", "official"), strict=True):
        a_wheel(folder, name, "1")
    debian_packages(found[2], {"curl": "7.88"})
    put(found[2], "usr/lib/os-release", 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\n')
    return found


def written(
    layers: list[Path], facts: ImageReport | None = None, **changes: Any
) -> tuple[ImageReport, dict[str, Any]]:
    """Report and SBOM of these layers."""
    folder = layers[0].parent / "work"
    folder.mkdir()
    inventory.write(request_of(*layers, **changes), folder, facts or ImageReport())
    assert sorted(each.name for each in folder.iterdir()) == ["report.json", "sbom.json"]
    text = (folder / "sbom.json").read_bytes()
    assert complaint(text) is None
    return ImageReport.model_validate_json((folder / "report.json").read_bytes()), json.loads(text)


def test_the_report_has_what_was_known_and_what_is_found_out(layers: list[Path]) -> None:
    facts = ImageReport(
        mode=SnapshotMode.LIVE,
        since="snap-aaaaaaaaaaab",
        frozen_ms=120,
        layers=["sha256:a"],
        size=5,
        left_out=[LeftOut(path="/root/.ssh", reason="may hold secrets")],
        findings=[Finding(path="/srv/.env", line=3, kind="GitHub Token")],
        unscanned=7,
    )
    report, _ = written(layers, facts)
    kept = report.model_copy(update={"packages": [], "changes": [], "repositories": []})
    assert kept == facts
    assert {(each.manager, each.name, each.version) for each in report.packages} == {
        ("pip", "new", "1"),
        ("pip", "saved", "1"),
        ("pip", "official", "1"),
        ("apt", "curl", "7.88"),
    }


@pytest.mark.parametrize(("saved", "changed"), [(0, {"new"}), (1, {"new", "saved"})])
def test_changes_are_against_the_image_below_the_first_snapshot(
    layers: list[Path], saved: int, changed: set[str]
) -> None:
    report, _ = written(layers, base_saved=saved)
    assert {each.name for each in report.changes} == changed


def test_the_sbom_has_the_packages_of_all_layers(layers: list[Path]) -> None:
    _, tree = written(layers)
    assert {component["purl"] for component in tree["components"]} == {
        "pkg:pypi/new@1",
        "pkg:pypi/saved@1",
        "pkg:pypi/official@1",
        "pkg:deb/ubuntu/curl@7.88?distro=ubuntu-24.04",
    }


def test_repositories_of_the_home_are_in_the_report(layers: list[Path], tmp_path: Path) -> None:
    commit = a_repository(tmp_path / "home/train")
    report, _ = written(layers, home=str(tmp_path / "home"))
    assert [(each.path, each.commit) for each in report.repositories] == [("train", commit)]


def test_packages_in_folders_of_any_name_are_met(layers: list[Path]) -> None:
    a_wheel(layers[0], "odd", "1", site="srv/my env/lib/python3.12/site-packages")
    a_wheel(layers[0], "scratch", "1", site="tmp/env/lib/python3.12/site-packages")
    report, _ = written(layers)
    names = {each.name for each in report.changes}
    assert names == {"new", "odd"}


def test_a_tree_of_endless_depth_is_no_trouble(layers: list[Path]) -> None:
    deepest = os.open(layers[0], os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=deepest)
        inside = os.open("d", os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = inside
    os.close(deepest)
    try:
        report, _ = written(layers)
    finally:
        # Python's own way to remove it is too deep for Python.
        subprocess.run(["rm", "-r", layers[0] / "d"], check=True)
    assert {each.name for each in report.changes} == {"new"}


def test_what_os_release_says_is_taken_only_if_it_is_a_name(layers: list[Path]) -> None:
    put(layers[2], "usr/lib/os-release", 'ID="x?y#z"\nVERSION_ID="../12"\n')
    _, tree = written(layers)
    assert "pkg:deb/debian/curl@7.88" in {each["purl"] for each in tree["components"]}
