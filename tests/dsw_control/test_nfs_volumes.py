"""What becomes of an NFS storage class: a volume of the engine with these options. No kernel of the
tests has NFS, so it ends in the engine's refusal, which must reach people as a reason."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.workbenches import docker, mounted_below, remove_shared, shared_folder

from dsw.locations import parse_location
from dsw.mounts import MountReason
from dsw.names import new_id
from dsw.node_mounts import Area, Attach, FolderRoot, NodeMountsRequest
from dsw.settings import Settings, StorageClass
from dsw_control.data.places import _PARTS
from dsw_control.engines.docker import DockerEngine

NAS = {"name": "nas", "kind": "nfs", "server": "127.0.0.1", "export": "/exports/data"}


def volume_of(uri: str, **more: Any) -> tuple[dict[str, str], str]:
    """The volume's options for an address in the class, and the path below it."""
    location = parse_location(uri)
    parts = _PARTS[location.kind](StorageClass.model_validate({**NAS, **more}), location)
    root = parts["root"]
    assert isinstance(root, FolderRoot)
    assert root.path == ""
    return root.volume, str(parts["path"])


def test_an_export_is_a_volume_of_its_own_and_the_dataset_a_path_in_it() -> None:
    options, path = volume_of("nas://127.0.0.1/exports/data/images/train")
    assert options == {
        "type": "nfs",
        "o": "addr=127.0.0.1,nfsvers=4,soft,timeo=50,retrans=2",
        "device": ":/exports/data",
    }
    assert path == "images/train"


def test_the_operator_chooses_the_options_but_not_the_address() -> None:
    options, path = volume_of("nas://127.0.0.1/exports/data", options="nfsvers=3,nolock,hard")
    assert options["o"] == "addr=127.0.0.1,nfsvers=3,nolock,hard"
    assert path == ""


@pytest.fixture
def settings(debian_image: str, tmp_path: Any) -> Iterator[Settings]:
    """An installation of its own; the helper's image is any that starts."""
    installation = f"n{secrets.token_hex(4)}"
    yield Settings(
        data_dir=str(tmp_path), installation=installation, images={"agent": debian_image}
    )
    for volume in docker("volume", "ls", "-q", "--filter", f"name=dsw-{installation}-").split():
        docker("volume", "rm", volume)
    remove_shared(installation)


@pytest.mark.docker
async def test_the_engine_gets_these_options_and_its_refusal_is_a_reason(
    settings: Settings,
) -> None:
    options, path = volume_of("nas://127.0.0.1/exports/data/images")
    engine = DockerEngine(settings)
    assert engine.mounts
    step = Attach(
        instance_id=new_id("dsw"),
        area=Area.DYNAMIC,
        name="images",
        read_only=True,
        root=FolderRoot(volume=options),
        path=path,
    )
    (result,) = await engine.mounts.apply(NodeMountsRequest(attach=[step]))
    assert (result.ok, result.reason) == (False, MountReason.SOURCE_UNREACHABLE)
    assert result.message
    names = docker("volume", "ls", "-q", "--filter", f"name=dsw-{settings.installation}-").split()
    assert len(names) == 1
    (told,) = json.loads(docker("volume", "inspect", names[0]))
    assert (told["Driver"], told["Options"]) == ("local", options)
    assert mounted_below(shared_folder(settings.installation)) == []
    label = f"label=dsw.installation={settings.installation}"
    assert docker("ps", "--all", "--quiet", "--filter", label) == ""
