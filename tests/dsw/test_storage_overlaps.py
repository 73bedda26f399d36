"""Storage classes in one another, or over the workbench's own folders, are refused at the start."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dsw.settings import Settings


def settings(*classes: dict[str, Any], **more: Any) -> Settings:
    """Settings of a workbench in /srv/dsw with these classes."""
    named = [{"name": f"c{number}", **each} for number, each in enumerate(classes)]
    return Settings.model_validate({"data_dir": "/srv/dsw", "storage_classes": named, **more})


def host(root: str, **more: Any) -> dict[str, Any]:
    return {"kind": "host", "root": root, **more}


def bucket(prefix: str, **more: Any) -> dict[str, Any]:
    store = {"kind": "s3", "endpoint": "https://s3.example.org", "bucket": "data"}
    return {**store, "prefix": prefix, **more}


def export(path: str, **more: Any) -> dict[str, Any]:
    return {"kind": "nfs", "server": "nas.example.org", "export": path, **more}


@pytest.mark.parametrize(
    ("root", "own"),
    [
        ("/srv", "/srv/dsw"),
        ("/srv/dsw", "/srv/dsw"),
        ("/srv/dsw/", "/srv/dsw"),
        ("/srv/dsw/secrets", "/srv/dsw/secrets"),
        ("/srv/dsw/run/snapshots", "/srv/dsw/run"),
        ("/srv/dsw/nas/ws-aaaaaaaaaaaa/home", "/srv/dsw/nas"),
        ("/srv/dsw/cache", "/srv/dsw/cache"),
    ],
)
def test_no_class_opens_what_the_workbench_keeps(root: str, own: str) -> None:
    with pytest.raises(ValidationError, match=f"and {own}, of the workbench"):
        settings(host(root))


def test_homes_on_a_nas_are_not_in_a_class_of_that_nas() -> None:
    homes = {"storage": {"root": "/mnt/nas/homes"}}
    with pytest.raises(ValidationError, match="/mnt/nas/homes, of the workbench"):
        settings(host("/mnt/nas"), **homes)
    assert settings(host("/mnt/nas/data"), host("/mnt/nas/homes-of-old"), **homes).storage_classes


@pytest.mark.parametrize(
    "pair",
    [
        (host("/data"), host("/data/secret", workspaces=["red"])),
        (host("/data/secret", workspaces=["red"]), host("/data")),
        (host("/data", workspaces=["red", "blue"]), host("/data/secret", workspaces=["red"])),
        (host("/data", writable=True), host("/data/frozen")),
        (bucket(""), bucket("secret", workspaces=["red"])),
        (bucket("a/"), bucket("/a/b", workspaces=["red"])),
        (export("/data"), export("/data/x", server="NAS.example.org", workspaces=["red"])),
    ],
)
def test_no_class_opens_what_another_one_closes(pair: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(ValidationError, match="which fewer may read or write"):
        settings(*pair)


@pytest.mark.parametrize(
    "pair",
    [
        (host("/data"), host("/data-secret", workspaces=["red"])),
        (host("/data"), host("/data/incoming", writable=True)),
        (host("/data", workspaces=["red"]), host("/data/x", workspaces=["red", "blue"])),
        (host("/data"), host("/data", workspaces=["red"], writable=True)),
        (bucket("data"), bucket("data-secret", workspaces=["red"])),
        (bucket(""), bucket("x", workspaces=["red"], bucket="other")),
        (bucket("", bucket=""), bucket("x", workspaces=["red"])),
        (export("/data"), export("/data/x", server="nas2.example.org", workspaces=["red"])),
        (host("/data"), export("/data/x", workspaces=["red"])),
    ],
)
def test_classes_beside_each_other_and_wider_ones_inside_are_let_pass(
    pair: tuple[dict[str, Any], ...],
) -> None:
    assert len(settings(*pair).storage_classes) == 2
