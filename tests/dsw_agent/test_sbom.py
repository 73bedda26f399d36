"""The SBOM, checked by the standard's own schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from tests.dsw_agent.trees import request_of

from dsw_agent.packages import Installed
from dsw_agent.sbom import document

DEBIAN = {"ID": "debian", "VERSION_ID": "12"}


def complaint(text: bytes) -> object:
    """What the schema of CycloneDX 1.6 has against a document; None: nothing."""
    validator = make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6)
    return validator.validate_str(text.decode())


@pytest.mark.parametrize(
    ("package", "system", "purl"),
    [
        (Installed("pip", "Py_YAML", "6.0.3"), DEBIAN, "pkg:pypi/py-yaml@6.0.3"),
        (Installed("pip", "torch", "2.9+cu130"), DEBIAN, "pkg:pypi/torch@2.9%2Bcu130"),
        (Installed("conda", "numpy", "2.3.1"), DEBIAN, "pkg:conda/numpy@2.3.1"),
        (Installed("apt", "curl", "1:7-1"), DEBIAN, "pkg:deb/debian/curl@1:7-1?distro=debian-12"),
        (Installed("apt", "curl", "7"), {"ID": "ubuntu"}, "pkg:deb/ubuntu/curl@7"),
        (Installed("apt", "curl", "7"), {}, "pkg:deb/debian/curl@7"),
    ],
)
def test_packages_have_the_names_that_scanners_look_up(
    package: Installed, system: dict[str, str], purl: str, tmp_path: Path
) -> None:
    text = document([package], request_of(tmp_path), system)
    assert complaint(text) is None
    component = json.loads(text)["components"][0]
    assert (component["purl"], component["version"]) == (purl, package.version)


def test_the_document_says_of_which_image_it_is(tmp_path: Path) -> None:
    packages = [Installed("pip", "a", "1"), Installed("pip", "A", "1"), Installed("apt", "a", "1")]
    text = document(packages, request_of(tmp_path), DEBIAN)
    assert complaint(text) is None
    tree = json.loads(text)
    assert (tree["bomFormat"], tree["specVersion"]) == ("CycloneDX", "1.6")
    subject = tree["metadata"]["component"]
    assert (subject["type"], subject["name"]) == ("container", "dsw-test/x:latest")
    assert subject["version"] == "snap-aaaaaaaaaaaa"
    assert len(tree["components"]) == 2
    assert document(packages, request_of(tmp_path), DEBIAN) == text


def test_an_image_without_packages_has_a_valid_document(tmp_path: Path) -> None:
    assert complaint(document([], request_of(tmp_path), {})) is None


def test_the_schema_would_complain() -> None:
    assert complaint(b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": 3}')
