"""Which certificates of this machine reach image builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import certificates


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """The bundle, and the folder in which an administrator puts more."""
    bundle, added = tmp_path / "bundle.crt", tmp_path / "added"
    bundle.write_text("")
    added.mkdir()
    return bundle, added


def test_a_plain_machine_has_none(machine: tuple[Path, Path]) -> None:
    assert certificates.extra({}, *machine) == ""


@pytest.mark.parametrize("variable", certificates.VARIABLES)
def test_a_set_variable_counts(machine: tuple[Path, Path], variable: str) -> None:
    bundle, _ = machine
    assert certificates.extra({variable: str(bundle)}, *machine) == str(bundle)


def test_a_variable_without_its_file_does_not_count(machine: tuple[Path, Path]) -> None:
    environ = {"SSL_CERT_FILE": "/nowhere/ca.pem", "REQUESTS_CA_BUNDLE": ""}
    assert certificates.extra(environ, *machine) == ""


def test_an_added_certificate_counts_by_the_bundle_that_has_it(
    machine: tuple[Path, Path],
) -> None:
    bundle, added = machine
    (added / "company.crt").write_text("")
    assert certificates.extra({}, *machine) == str(bundle)
