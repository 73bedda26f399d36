"""`--dataset NAME[:VERSION][@PATH][,rw]` as it is read."""

from __future__ import annotations

import pytest

from dsw.cli.mounts import static_mount, static_mounts
from dsw.datasets import DataAccess
from dsw.errors import Invalid
from dsw.mounts import StaticMount


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("imagenet", StaticMount(dataset="imagenet")),
        ("imagenet,rw", StaticMount(dataset="imagenet", access=DataAccess.RW)),
        ("imagenet,ro", StaticMount(dataset="imagenet")),
        ("imagenet:3", StaticMount(dataset="imagenet", version=3)),
        ("imagenet@/data/in", StaticMount(dataset="imagenet", path="/data/in")),
        (
            "ds-abcdefghijkl:12@/data/a,b,rw",
            StaticMount(
                dataset="ds-abcdefghijkl", version=12, path="/data/a,b", access=DataAccess.RW
            ),
        ),
        ("imagenet@/data/x:y", StaticMount(dataset="imagenet", path="/data/x:y")),
    ],
)
def test_a_dataset_is_named_with_version_path_and_access(text: str, mount: StaticMount) -> None:
    assert static_mount(text) == mount


@pytest.mark.parametrize("text", ["", ",rw", "@/data/x", ":1", "a:", "a:0", "a:-1", "a:x", "a:1.5"])
def test_what_names_no_dataset_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match="NAME:VERSION"):
        static_mount(text)


def test_no_option_leaves_the_datasets_as_they_are() -> None:
    assert static_mounts(None) is None
    assert static_mounts(["a"]) == [StaticMount(dataset="a")]
