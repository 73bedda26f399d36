"""A small workbench with one of everything, which tests of routes copy instead of making it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.fake_nodes import FakeNode
from tests.dsw_control.route_table import MEMBER, OWNER

from dsw.image_report import ImageReport, RestoreRecord
from dsw.images import ImageSource, ImageUse, Visibility
from dsw.instances import InstanceState
from dsw.names import new_id
from dsw.settings import Settings
from dsw.snapshots import SnapshotState
from dsw_control.assets.official import OfficialImages
from dsw_control.capacity import groups
from dsw_control.context import Control
from dsw_control.engines.process import ProcessEngine
from dsw_control.main import build
from dsw_control.store.tables import Image, ImageRecord, Instance, Mount, Snapshot
from dsw_control.tenancy import workspaces


class WithoutContainers(ProcessEngine):
    """Says that it could save and run images; nothing asks it to, without the loops."""

    isolated = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.mounts = FakeNode()

    async def platform(self) -> str:
        """That of the image in the registry."""
        return "linux/amd64"


SPECS = [{"name": "one", "cpu": 1, "memory": "1GiB"}]
OWN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ"
STORE = {
    "name": "store",
    "kind": "s3",
    "endpoint": "http://127.0.0.1:9",
    "bucket": "pictures",
    "access_key_id": "key",
}
GROUP = {"name": "local", "cpu": 1, "memory": "64GiB", "cpu_overcommit": 1}


def control_in(folder: Path, registry: str) -> Control:
    """The control process whose data are in this folder, with the registry at this address."""
    control = build(
        Settings.model_validate(
            {
                "data_dir": str(folder),
                "engine": {"kind": "process"},
                "specs": SPECS,
                "resource_groups": [GROUP],
                "registry": {"address": registry, "insecure": True},
                "storage_classes": [STORE],
            }
        )
    )
    control.engine = WithoutContainers(control.settings)
    return control


async def make_world(folder: Path, registry: str, another: str) -> dict[str, str]:
    """Ids by name: what the placeholders of a path stand for, and objects in other states.
    `another` registry is that of a workspace."""
    control = control_in(folder, registry)
    await control.db.migrate()
    await workspaces.ensure_default(control)
    await groups.refresh(control)
    control.engine.isolated = False
    await OfficialImages(control).turn()
    del control.engine.isolated
    api = Api(control)
    try:
        await _push(f"http://{registry}/v2/tools/theirs")
        ids = {"registry": registry, "another_registry": another}
        return ids | await _fill(api, another)
    finally:
        await api.close()
        await control.hub.close()
        await control.db.close()


async def _fill(api: Api, registry: str) -> dict[str, str]:
    team = await api.ok(ADMIN, "POST", "/workspaces", {"name": "team", "owner": OWNER})
    await api.ok(ADMIN, "POST", "/workspaces", {"name": "empty"})
    place = {"address": registry, "repository": "empty/saved", "insecure": True}
    await api.ok(ADMIN, "PUT", "/workspaces/empty/registry", place)
    await api.ok(OWNER, "PUT", f"/workspaces/team/members/{MEMBER}", {"roles": ["developer"]})
    for role in ("reader", "unused"):
        await api.ok(OWNER, "PUT", f"/workspaces/team/roles/{role}", {"actions": ["queue.read"]})
    image = (await api.ok(OWNER, "GET", "/images"))["items"][0]["id"]
    world = {
        "workspace": "team",
        "empty": "empty",
        "username": MEMBER,
        "role": "reader",
        "unused": "unused",
        "resource_group": "local",
        "image_id": image,
    }
    for name, key, start in (
        ("running", "running", True),
        ("queued", "queued", True),
        ("stopped", "instance_id", False),
    ):
        world[key] = await _instance(api, name, image, start)
    body = {"workspace": "team", "name": "tools", "url": "https://git.example.org/tools.git"}
    world["code_source_id"] = (await api.ok(OWNER, "POST", "/code-sources", body))["id"]
    world |= await _datasets(api)
    world |= await _rows(api, team["id"], world)
    secret = {"kind": "registry", "host": "registry.example.org", "secret": "of the registry"}
    body = {"workspace": "team", "name": "registry", **secret}
    world["credential_id"] = (await api.ok(OWNER, "POST", "/credentials", body))["id"]
    shares = f"/instances/{world['instance_id']}/shares"
    everybody = {"access": "full"}
    world["share_id"] = (await api.ok(OWNER, "PUT", shares, everybody))["id"]
    world["key_id"] = (await api.ok(OWNER, "POST", "/ssh-keys", {"public_key": OWN_KEY}))["id"]
    archive = {"workspace": "team", "name": "coming", "size": 1024}
    world["transfer_id"] = (await api.ok(OWNER, "POST", "/images/import", archive))["id"]
    return world


async def _datasets(api: Api) -> dict[str, str]:
    """A dataset of the team, and one of a workspace that its members are not in."""
    body = {"workspace": "team", "name": "pets", "access": "rw"}
    ours = await api.ok(OWNER, "POST", "/datasets", body)
    folder = Path(api.control.settings.nas_root, f"{ours['workspace_id']}/datasets/{ours['id']}/v1")
    for name in ("old.txt", "other.txt"):
        folder.joinpath(name).write_text("cats")
    await api.ok(ADMIN, "POST", "/workspaces", {"name": "blue"})
    body = {"workspace": "blue", "name": "theirs"}
    theirs = await api.ok(ADMIN, "POST", "/datasets", body)
    file = {"path": "coming.txt", "size": 3}
    upload = await api.ok(OWNER, "POST", f"/datasets/{ours['id']}/uploads", file)
    ids = {"dataset_id": ours["id"], "their_dataset": theirs["id"]}
    body = {"workspace": "team", "name": "lake", "uri": "s3://pictures/lake"}
    lake = (await api.ok(OWNER, "POST", "/datasets", body))["id"]
    warming = await api.ok(OWNER, "POST", f"/datasets/{lake}/warmings", {})
    ids |= {"lake": lake, "warming_id": warming["id"]}
    return ids | {"upload_id": upload["id"]}


async def _push(repository: str) -> None:
    """An image without layers, the smallest that there is."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": []}})
    digest = f"sha256:{hashlib.sha256(config.encode()).hexdigest()}"
    kind = "application/vnd.docker"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.distribution.manifest.v2+json",
        "config": {
            "mediaType": f"{kind}.container.image.v1+json",
            "size": len(config),
            "digest": digest,
        },
        "layers": [],
    }
    async with httpx.AsyncClient() as http:
        upload = httpx.URL((await http.post(f"{repository}/blobs/uploads/")).headers["location"])
        put = await http.put(upload.copy_add_param("digest", digest), content=config)
        put.raise_for_status()
        put = await http.put(
            f"{repository}/manifests/1",
            content=json.dumps(manifest),
            headers={"Content-Type": str(manifest["mediaType"])},
        )
        put.raise_for_status()


async def _instance(api: Api, name: str, image: str, start: bool) -> str:
    body = {"workspace": "team", "name": name, "image": image, "spec": "one", "start": start}
    made: dict[str, Any] = await api.ok(OWNER, "POST", "/instances", body)
    return str(made["id"])


async def _rows(api: Api, workspace: str, world: dict[str, str]) -> dict[str, str]:
    """What only an engine could make: an image that was saved, a save that is under way, and an
    instance that is up."""
    now = api.control.clock()
    saved = Image(
        id=new_id("img"),
        name="saved",
        description="",
        source=ImageSource.SNAPSHOT,
        workspace_id=workspace,
        owner=OWNER,
        reference="registry.example.org/saved:1",
        digest="sha256:0",
        visibility=Visibility.PRIVATE,
        use=ImageUse.INSTANCE,
        parent_id=world["image_id"],
        created_at=now,
    )
    snapshot = Snapshot(
        id=new_id("snap"),
        instance_id=world["running"],
        workspace_id=workspace,
        owner=OWNER,
        name="under way",
        description="",
        state=SnapshotState.COPYING,
        parent_id=world["image_id"],
        created_at=now,
    )
    restore = RestoreRecord(
        image_digest="sha256:0", base_digest="sha256:1", workspace_id=workspace, spec="one"
    )
    # Of the official one, too, so that whoever sees an image has something to read of it.
    found = [
        ImageRecord(
            image_id=image_id,
            snapshot_id=snapshot.id,
            report=ImageReport().model_dump(mode="json"),
            restore=restore.model_dump(mode="json"),
            sbom='{"bomFormat": "CycloneDX"}',
        )
        for image_id in (saved.id, world["image_id"])
    ]
    mount = Mount(
        id=new_id("mnt"),
        instance_id=world["instance_id"],
        workspace_id=workspace,
        dataset_id=world["lake"],
        kind="dynamic",
        name="lake",
        target="/mnt/dynamic/lake",
        access="ro",
        keep=True,
        state="Unmounted",
        created_by=OWNER,
        created_at=now,
        changed_at=now,
    )
    async with api.control.db.write() as session:
        session.add_all([saved, snapshot, mount, *found])
        running = await session.get_one(Instance, world["running"])
        running.state, running.started_at = InstanceState.RUNNING, now
        running.ssh = {"user": "dsw", "host_key": OWN_KEY}
    return {"saved": saved.id, "snapshot_id": snapshot.id, "mount_id": mount.id}
