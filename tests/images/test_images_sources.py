"""What is built, from what, and when again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsw.errors import Invalid, NotFound
from dsw.images_build.catalog import Catalog, find_catalog
from dsw.images_build.certificates import read_certificates, write_certificates
from dsw.images_build.context import assemble, digest
from dsw.images_build.wheel import project_wheel

EXTRA_CA = Path(__file__).with_name("extra-ca.pem")
CERTIFICATE = EXTRA_CA.read_text().strip()


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """Two images, `one` and `two`."""
    folder = tmp_path / "images"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(f"FROM scratch\nLABEL name={name}\n")
    (folder / "common").mkdir()
    (folder / "common" / "tool").write_text("#!/bin/sh\n")
    (folder / "certs").mkdir()
    return Catalog(folder=folder)


@pytest.fixture
def some_wheel(tmp_path: Path) -> Path:
    file = tmp_path / "project-1-py3-none-any.whl"
    file.write_bytes(b"a wheel")
    return file


class Contexts:
    """Assembles contexts, each in a folder of its own."""

    def __init__(self, catalog: Catalog, wheel: Path, scratch: Path) -> None:
        self._catalog, self._wheel, self._scratch, self._count = catalog, wheel, scratch, 0

    def digest(self, certificates: tuple[str, ...] = (), keep: bool = False) -> str:
        return digest(self.folder(certificates, keep), "sha256:base")

    def folder(self, certificates: tuple[str, ...] = (), keep: bool = False) -> Path:
        self._count += 1
        target = self._scratch / f"context-{self._count}"
        target.mkdir()
        assemble(
            self._catalog,
            "one",
            target,
            wheel=self._wheel,
            certificates=certificates,
            keep_certificates=keep,
        )
        return target


@pytest.fixture
def contexts(catalog: Catalog, some_wheel: Path, tmp_path: Path) -> Contexts:
    return Contexts(catalog, some_wheel, tmp_path)


def test_every_folder_with_a_dockerfile_is_an_image(catalog: Catalog) -> None:
    assert catalog.names == ["one", "two"]
    assert catalog.chosen([]) == ["one", "two"]
    assert catalog.chosen(["two", "two"]) == ["two"]


def test_an_unknown_image_is_refused_with_the_names_there_are(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"no image 'three' to build\.") as refusal:
        catalog.chosen(["one", "three"])
    assert refusal.value.hint == "There are: one, two."


def test_the_project_has_the_images_that_it_needs() -> None:
    assert {"base", "minimal"} <= set(find_catalog().names)


def test_an_installed_package_brings_its_dockerfiles(tmp_path: Path) -> None:
    (tmp_path / "dsw" / "_images" / "one").mkdir(parents=True)
    (tmp_path / "dsw" / "_images" / "one" / "Dockerfile").touch()
    found = find_catalog(tmp_path / "dsw")
    assert (found.names, found.checkout) == (["one"], None)


def test_without_dockerfiles_the_places_are_named(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "dsw"
    package.mkdir(parents=True)
    with pytest.raises(NotFound, match=r"neither in .*_images nor in .*images\."):
        find_catalog(package)


def test_without_a_checkout_the_wheel_must_be_named(catalog: Catalog, some_wheel: Path) -> None:
    assert project_wheel(catalog, some_wheel) == some_wheel
    with pytest.raises(Invalid, match="no checkout"):
        project_wheel(catalog, None)
    with pytest.raises(Invalid, match="is not a wheel"):
        project_wheel(catalog, some_wheel.with_suffix(".zip"))


def test_a_context_has_all_folders_even_with_nothing_in_them(contexts: Contexts) -> None:
    folder = contexts.folder()
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "Dockerfile",
        "certs",
        "certs-keep",
        "common",
        "common/tool",
        "wheels",
        "wheels/project-1-py3-none-any.whl",
    ]


def test_modes_do_not_depend_on_who_checked_out(contexts: Contexts, catalog: Catalog) -> None:
    (catalog.folder / "one" / "Dockerfile").chmod(0o666)
    (catalog.folder / "common" / "tool").chmod(0o777)
    folder = contexts.folder()
    assert (folder / "Dockerfile").stat().st_mode & 0o777 == 0o644
    assert (folder / "common" / "tool").stat().st_mode & 0o777 == 0o755
    assert (folder / "common").stat().st_mode & 0o777 == 0o755


def test_the_digest_stays_when_nothing_changed(contexts: Contexts) -> None:
    assert contexts.digest() == contexts.digest()


def test_a_ca_for_the_build_alone_does_not_call_for_a_new_image(contexts: Contexts) -> None:
    assert contexts.digest((CERTIFICATE,)) == contexts.digest()


def test_a_ca_that_stays_calls_for_a_new_image(contexts: Contexts) -> None:
    assert contexts.digest((CERTIFICATE,), keep=True) != contexts.digest()


@pytest.mark.parametrize("changed", ["images/one/Dockerfile", "images/common/tool"])
def test_a_changed_file_calls_for_a_new_image(
    contexts: Contexts, tmp_path: Path, changed: str
) -> None:
    before = contexts.digest()
    (tmp_path / changed).write_text("something else")
    assert contexts.digest() != before


def test_a_new_wheel_calls_for_a_new_image(contexts: Contexts, some_wheel: Path) -> None:
    before = contexts.digest()
    some_wheel.write_bytes(b"another wheel")
    assert contexts.digest() != before


def test_a_new_base_calls_for_a_new_image(contexts: Contexts) -> None:
    folder = contexts.folder()
    assert digest(folder, "sha256:base") != digest(folder, "sha256:newer")


def test_a_bundle_is_taken_apart_and_doubles_are_dropped(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"A comment, as bundles have them\n{CERTIFICATE}\n\n# again\n{CERTIFICATE}\n")
    certificates = read_certificates([bundle, EXTRA_CA])
    assert certificates == [CERTIFICATE]
    write_certificates(certificates, tmp_path)
    (written,) = tmp_path.glob("*.crt")
    assert written.read_text() == f"{CERTIFICATE}\n"


def test_a_ca_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"absent\.pem cannot be read"):
        read_certificates([tmp_path / "absent.pem"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no certificate"),
        (b"\x30\x82\x01\xa4\xff", "cannot be read"),
        (CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY").encode(), "holds no certificate"),
        (CERTIFICATE.replace("MIIB", "MII").encode(), "is damaged"),
    ],
)
def test_a_ca_file_without_a_usable_certificate_is_refused(
    tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=words):
        read_certificates([file])
