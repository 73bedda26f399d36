"""The lock files hold what `pyproject.toml` asks for; `scripts/lock` writes them anew."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.lock": list(EXTRAS),
    "images/base/requirements.lock": ["instance"],
    "images/minimal/requirements.lock": ["instance"],
    "images/agent/requirements.lock": ["agent"],
}


def asked_for(lock: str) -> Iterable[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for name in LOCKS[lock] for line in EXTRAS[name])]
    beside = (ROOT / lock).with_name("requirements.in")
    if beside.exists():
        lines += beside.read_text().split("\n")
    return [Requirement(line) for line in lines if line]


def locked(lock: str) -> dict[str, set[str]]:
    """The versions of each package; more than one where they depend on the platform."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE
    ):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_locked_at_a_version_that_fits(lock: str) -> None:
    versions = locked(lock)
    for requirement in asked_for(lock):
        chosen = versions.get(canonicalize_name(requirement.name), set())
        assert chosen, f"{requirement.name} is not in {lock}: run scripts/lock"
        assert all(requirement.specifier.contains(version) for version in chosen), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-z])", text)
    assert len(entries) > 15
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in text
