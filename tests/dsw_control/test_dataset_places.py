"""Where datasets may lie, and what opens them: nothing outside of what the operator offers."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.data_worlds import STORE, DataWorld, make_world
from tests.dsw_control.teams import audited, create
from tests.object_stores import ACCESS_KEY_ID, SECRET
from tests.stub_hub import instance_token

from dsw.beneath import open_beneath
from dsw.errors import Conflict, Invalid
from dsw.node_mounts import FolderRoot
from dsw.settings import StorageClass, StorageSettings
from dsw_control.data.places import (
    Place,
    located,
    open_place,
    secret_repository,
    secret_store,
)
from dsw_control.engines.docker import DockerEngine

OUTSIDE = [
    "file:///",
    "file:///etc",
    "file:///var/run/docker.sock",
    "file:///var/run/docker.sock/",
    "file:///proc/self/root",
    "file://{data}-secret",
    "file://{data}-secret/inside",
    "file://{mnt}",
    "file://{data}/..",
    "file://{data}/../data-secret",
    "file://{data}/a/../../data-secret",
    "file://{data}/%2e%2e/data-secret",
    "file://{data}/%2E%2E/data-secret",
    "file://{data}/.%2e/data-secret",
    "file://{data}/a/./b",
    "file://{data}//a",
    "file://{data}/a\0b",
    "file://{data}/a\nb",
    "file://{data}/..\\data-secret",
    "file://localhost{data}",
    "file:{data}",
    "FILE://{data}",
    "{data}",
    "file:///mnt/shared/../..",
    "file:///mnt/shared/../workspace",
    "file:///mnt/shared/%2e%2e",
    "file:///mnt/shared-by-others",
    "file:///mnt/workspace",
    "file://{blue}",
    "file://{blue}/inside",
    "file://{control}",
    "file://{control}/secrets/vault-key",
    "file://{control}/nas",
    "nas://nas.example.org/vol/data-secret",
    "nas://nas.example.org/vol",
    "nas://nas.example.org/vol/data/../secret",
    "nas://nas.example.org:2049/vol/data",
    "nas://other.example.org/vol/data",
    "nas://nas.example.org,addr=evil.example/vol/data",
    "s3://pictures",
    "s3://pictures/team-secret",
    "s3://pictures/tea",
    "s3://pictures/team/../other",
    "s3://pictures/team/%2e%2e/other",
    "s3://pictures-secret/team",
    "s3://picture/team",
    "s3://other/team",
    "s3://key:secret@pictures/team",
    "oss://pictures/team",
    "pvc://other-claim/x",
    "pvc://big-data/../x",
    "git+file:///etc",
    "git+ssh://git@example.org/x",
    "git+https://user:word@git.example.org/x",
    "git+https://git.example.org/x?y=1",
    "git+https://git.example.org/x@--upload-pack=sh",
    "git+ext::sh -c id",
    "ext::sh -c id",
    "http://git.example.org/x",
    "https://git.example.org/x",
    "",
]


LEADS_OUT = (errno.EXDEV, errno.ELOOP)


@pytest.fixture
async def world(make_api: MakeApi, tmp_path: Path) -> DataWorld:
    return await make_world(make_api, tmp_path / "mnt")


async def place(world: DataWorld, dataset: Any, number: int = 1) -> Place:
    """Where a version of a dataset is found to be."""
    row, version = await world.rows(dataset["id"], number)
    async with world.api.control.db.read() as session:
        return await located(session, world.api.control, row, version)


def refusal_of(opening: Callable[[], int]) -> int:
    """The number of the error with which something does not open."""
    try:
        os.close(opening())
    except OSError as error:
        return error.errno or 0
    return 0


async def test_nothing_lies_outside_the_storage_classes(world: DataWorld) -> None:
    places = {
        "mnt": world.folder,
        "data": world.folder / "data",
        "blue": world.folder / "blue",
        "control": world.api.control.settings.data_dir,
    }
    made = await world.add("dora", name="right", uri=f"file://{places['data']}/right")
    for pattern in OUTSIDE:
        uri = pattern.format(**places)
        status, why = await world.refusal("olga", uri=uri)
        assert (status, bool(why)) == (422, True), uri
        body = {"uri": uri}
        path = f"/datasets/{made['id']}/versions"
        answer = await world.api.send("dora", "POST", path, body)
        assert answer.status_code == 422, uri
    assert (await world.api.ok("dora", "GET", f"/datasets/{made['id']}"))["version"] == 1


async def test_a_class_is_for_the_workspaces_that_it_names(world: DataWorld) -> None:
    uri = f"file://{world.folder}/blue/inside"
    for more in ({}, {"storage_class": "blue"}, {"storage_class": "data"}):
        status, why = await world.refusal("olga", uri=uri, **more)
        assert (status, "that this workspace may use" in why) == (422, True)
    made = await world.add("olga", workspace="blue", uri=uri, storage_class="blue")
    assert made["storage_class"] == "blue"
    listed = {
        name: (await world.api.ok("olga", "GET", f"/storage-classes?workspace={name}"))["items"]
        for name in ("team", "blue")
    }
    assert [item["name"] for item in listed["team"]] == [
        *("data", "archive", "exports", "objects", "own-buckets", "lake", "claims"),
    ]
    assert "blue" in [item["name"] for item in listed["blue"]]
    own = {item["name"]: item["own_credential"] for item in listed["team"]}
    assert own["own-buckets"]
    assert not own["objects"]
    assert listed["team"][3]["example"] == "s3://pictures/team/folder"
    assert SECRET not in str(listed)
    assert ACCESS_KEY_ID not in str(listed)
    assert (await world.api.send("dora", "GET", "/storage-classes?workspace=blue")).is_error
    await create(world.api, "dora", name="lab", start=False)
    answer = await world.api.send(instance_token("dora", "lab"), "GET", "/storage-classes")
    assert answer.status_code == 403


async def test_each_kind_is_found_where_it_is(world: DataWorld) -> None:
    folder = await place(world, await world.add(uri=f"file://{world.folder}/data/.a/b/"))
    assert folder.root == FolderRoot(path=str(world.folder / "data"))
    assert (folder.path, folder.host_folder, folder.writable) == (
        ".a/b",
        world.folder / "data",
        True,
    )
    export = await place(world, await world.add(name="e", uri="nas://NAS.example.org/vol/data/x"))
    assert export.root
    assert export.root.volume["o"].startswith("addr=nas.example.org,nfsvers=4,soft")
    assert export.root.volume["device"] == ":/vol/data"
    assert (export.path, export.host_folder, export.writable) == ("x", None, False)
    stored = await place(world, await world.add(name="s", uri="s3://pictures/team/cats"))
    assert stored.store
    assert (stored.store.bucket, stored.store.prefix) == ("pictures", "team/cats")
    assert stored.store.secret == ""
    code = await place(world, await world.add(name="g", uri="git+https://git.example.org/a@v1"))
    assert code.repository
    assert (code.repository.url, code.repository.ref) == ("https://git.example.org/a", "v1")
    claim = await place(world, await world.add(name="p", uri="pvc://big-data/a"))
    assert (claim.claim, claim.path, claim.browsable) == ("big-data", "a", False)


async def test_the_shared_folder_is_that_of_the_datasets_own_workspace(world: DataWorld) -> None:
    made = await world.add(uri="file:///mnt/shared/pets", access="rw")
    found = await place(world, made)
    shared = Path(world.api.control.settings.nas_root) / made["workspace_id"] / "shared"
    assert found.root == FolderRoot(path=str(shared))
    assert (found.path, found.host_folder, made["storage_class"]) == ("pets", shared, "")
    status, _ = await world.refusal(uri="file:///mnt/shared/x", storage_class="data")
    assert status == 422


async def test_no_link_in_a_folder_leads_out_of_it(world: DataWorld) -> None:
    data = world.folder / "data"
    (data / "pets").mkdir()
    (data / "pets" / "secret").symlink_to("../../data-secret")
    (data / "pets" / "beside").symlink_to("../inside")
    (data / "out").symlink_to("/etc")
    found = await place(world, await world.add(uri=f"file://{data}/pets"))
    descriptor = open_place(found)
    try:
        for name in ("secret", "secret/inside", "beside", "../inside"):
            assert refusal_of(partial(open_beneath, descriptor, name, os.O_RDONLY)) in LEADS_OUT
    finally:
        os.close(descriptor)
    away = await place(world, await world.add(name="away", uri=f"file://{data}/out"))
    assert refusal_of(partial(open_place, away)) in LEADS_OUT


async def test_a_class_that_is_taken_away_takes_its_datasets_along(
    world: DataWorld, make_api: MakeApi, tmp_path: Path
) -> None:
    made = await world.add("olga", uri=f"file://{world.folder}/data/pets", access="rw")
    assert made["writable"]
    closed = {"name": "data", "kind": "host", "root": str(world.folder / "data")}
    for classes in ([], [{**closed, "workspaces": ["blue"]}]):
        later = DataWorld(await make_api(storage_classes=classes), world.folder)
        seen = await later.api.ok("olga", "GET", f"/datasets/{made['id']}")
        assert (seen["writable"], seen["browsable"]) == (False, False)
        with pytest.raises(Invalid, match="that this workspace may use"):
            await place(later, made)
    readable = DataWorld(await make_api(storage_classes=[closed]), world.folder)
    seen = await readable.api.ok("olga", "GET", f"/datasets/{made['id']}")
    assert (seen["writable"], seen["browsable"]) == (False, True)


async def test_the_innermost_class_counts_whoever_may_use_it(
    make_api: MakeApi, tmp_path: Path
) -> None:
    both = [
        {"name": "wide", "kind": "host", "root": "/srv/data", "workspaces": ["blue"]},
        {"name": "inner", "kind": "host", "root": "/srv/data/in", "writable": True},
    ]
    api = await make_api(storage_classes=both)
    await api.ok(ADMIN, "POST", "/workspaces", {"name": "blue", "owner": "olga"})
    world = DataWorld(api, tmp_path)
    for uri, expected in (("/srv/data/inner", "wide"), ("/srv/data/in/a", "inner")):
        made = await world.add("olga", name=expected, workspace="blue", uri=f"file://{uri}")
        assert made["storage_class"] == expected
    assert (await world.refusal("olga", workspace="blue", uri="file:///srv/data/in/a",
                                storage_class="wide"))[0] == 422  # fmt: skip


async def test_the_key_of_a_class_is_added_at_the_last_moment(world: DataWorld) -> None:
    made = await world.add(uri="s3://pictures/team")
    found = await place(world, made)
    assert SECRET not in f"{found!r}{found.model_dump()}{made}"
    control = world.api.control
    async with control.db.read() as session:
        opened = await secret_store(session, control, found)
    assert (opened.access_key_id, opened.secret) == (ACCESS_KEY_ID, SECRET)
    assert SECRET not in repr(opened)
    (control.settings.data / "secrets" / "storage-objects").chmod(0o644)
    async with control.db.read() as session:
        with pytest.raises(Conflict, match="key of the storage class 'objects' cannot be read"):
            await secret_store(session, control, found)
    status, why = await world.refusal(
        "adam",
        uri="s3://pictures/team",
        storage_class="objects",
        credential=await world.credential(),
    )
    assert (status, "name no credential" in why) == (422, True)


async def test_a_bucket_of_ones_own_needs_a_credential_for_that_store(world: DataWorld) -> None:
    uri = "s3://mine/x"
    status, why = await world.refusal("adam", uri=uri)
    assert (status, "opens only with a credential for 127.0.0.1:9" in why) == (422, True)
    own = await world.credential()
    wrong = {
        "another store": await world.credential(host="s3.example.org"),
        "another kind": await world.credential(kind="git"),
    }
    for what, credential in wrong.items():
        assert (await world.refusal("adam", uri=uri, credential=credential))[0] == 422, what
    theirs = await world.credential("blue")
    assert (await world.refusal("olga", uri=uri, credential=theirs))[0] == 404
    assert (await world.refusal("adam", uri=uri, credential="cred-aaaaaaaaaaaa"))[0] == 404
    # It opens more than this bucket, so who may not store one may not use one either.
    assert (await world.refusal("dora", uri=uri, credential=own))[0] == 403
    assert (await world.refusal("adam", uri="oss://mine/x", credential=own))[0] == 422
    made = await world.add("adam", uri=uri, credential=own)
    assert (made["storage_class"], made["credential"]) == ("own-buckets", own)
    control = world.api.control
    async with control.db.read() as session:
        opened = await secret_store(session, control, await place(world, made))
    assert (opened.access_key_id, opened.secret, opened.endpoint) == (ACCESS_KEY_ID, SECRET, STORE)
    lines = await audited(world.api, "dataset.add")
    assert SECRET not in str([line.detail for line in lines])


async def test_another_version_with_a_credential_needs_the_right_to_name_it(
    world: DataWorld,
) -> None:
    made = await world.add("adam", uri="s3://mine/x", credential=await world.credential())
    await world.api.ok(ADMIN, "PUT", "/workspaces/team/members/adam", {"roles": ["developer"]})
    path = f"/datasets/{made['id']}/versions"
    answer = await world.api.send("adam", "POST", path, {"uri": "s3://another/x"})
    assert answer.status_code == 403
    await world.api.ok("olga", "POST", path, {"uri": "s3://another/x"})


async def test_a_credential_stays_while_a_dataset_needs_it(world: DataWorld) -> None:
    own = await world.credential()
    made = await world.add("adam", uri="s3://mine/x", credential=own)
    answer = await world.api.send(ADMIN, "DELETE", f"/credentials/{own}")
    assert answer.status_code == 409
    assert "the dataset 'pets'" in answer.json()["detail"]
    await world.api.ok("adam", "DELETE", f"/datasets/{made['id']}")
    await world.api.ok(ADMIN, "DELETE", f"/credentials/{own}")


async def test_a_repositorys_credential_goes_to_its_own_host_only(world: DataWorld) -> None:
    deploy = await world.credential(kind="git", host="git.example.org", username="deploy")
    uri = "git+https://git.example.org/team/data@main"
    for wrong in (
        "git+https://git.example.org.evil.example/team/data",
        "git+https://git.example.org:8443/team/data",
        "git+https://evil.example/git.example.org",
    ):
        assert (await world.refusal("adam", uri=wrong, credential=deploy))[0] == 422, wrong
    made = await world.add("adam", uri=uri, credential=deploy)
    control = world.api.control
    async with control.db.read() as session:
        found = await secret_repository(session, control, await place(world, made))
    assert (found.username, found.secret) == ("deploy", SECRET)
    answer = await world.api.send(
        "adam", "POST", f"/datasets/{made['id']}/versions", {"uri": "git+https://evil.example/x"}
    )
    assert answer.status_code == 422
    for uri in (f"file://{world.folder}/data/x", None):
        assert (await world.refusal("adam", uri=uri, credential=deploy))[0] == 422


async def test_a_store_with_two_fitting_classes_wants_one_named(
    make_api: MakeApi, tmp_path: Path
) -> None:
    store: dict[str, Any] = {"kind": "s3", "bucket": "data", "access_key_id": "k"}
    east = StorageClass(name="east", endpoint="https://east.example.org", **store)
    west = StorageClass(name="west", endpoint="https://west.example.org", **store)
    api = await make_api(storage_classes=[each.model_dump() for each in (east, west)])
    await api.ok(ADMIN, "POST", "/workspaces", {"name": "team", "owner": "olga"})
    world = DataWorld(api, tmp_path)
    status, why = await world.refusal("olga", uri="s3://data/x")
    assert (status, "Name one of: east, west" in why) == (422, True)
    made = await world.add("olga", uri="s3://data/x", storage_class="west")
    found = await place(world, made)
    assert found.store
    assert found.store.endpoint == "https://west.example.org"


async def test_managed_folders_on_nfs_are_mounted_and_not_opened_by_control(
    make_api: MakeApi, tmp_path: Path
) -> None:
    world = await make_world(make_api, tmp_path / "mnt")
    made = await world.add()
    row, version = await world.rows(made["id"])
    control = world.api.control
    nfs = {"kind": "nfs", "nfs_server": "nas", "nfs_path": "/dsw", "nfs_options": "nfsvers=4"}
    storage = StorageSettings.model_validate(nfs)
    control.settings = control.settings.model_copy(update={"storage": storage})
    control.engine = DockerEngine(control.settings)
    async with control.db.read() as session:
        found = await located(session, control, row, version)
    device = f":/dsw/{made['workspace_id']}/datasets/{made['id']}/v1"
    options = {"type": "nfs", "o": "addr=nas,nfsvers=4", "device": device}
    assert found.root == FolderRoot(volume=options)
    assert (found.host_folder, found.browsable, found.writable) == (None, False, True)
