"""A request that works for each route that changes something: who may send it, and its body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.dsw_control.apis import ADMIN
from tests.stub_hub import instance_token

OWNER, MEMBER = "ada", "bob"
"""The owner and a developer of the workspace `team`. `ADMIN` administrates the platform."""

ITS_SERVER = instance_token(OWNER, "running")
RUNNING = {"instance_id": "running"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH ada@laptop"

WORKSPACE_SIZED = {"limits": {"cpu": 2}, "per_member": {"instances": 3}}


@dataclass(frozen=True)
class Ask:
    """A request. Words in braces in `body` stand for ids of the world, as those in the path do.

    `world` names other objects than the usual ones for placeholders of the path, `also` actions
    that are written down beside the route's own. `who` may be the headers of an instance;
    `query` is what stands behind the path.
    """

    who: str | dict[str, str] = OWNER
    body: Any = None
    world: dict[str, str] = field(default_factory=dict)
    also: frozenset[str] = frozenset()
    query: str = ""


CHANGES: dict[str, Ask] = {
    "PUT /workspaces/{workspace}/quotas/{resource_group}": Ask(
        ADMIN, WORKSPACE_SIZED, also=frozenset({"quota.change"})
    ),
    "DELETE /workspaces/{workspace}/quotas/{resource_group}": Ask(ADMIN),
    "PATCH /queue/{instance_id}": Ask(body={"priority": 4}, world={"instance_id": "queued"}),
    "DELETE /queue/{instance_id}": Ask(world={"instance_id": "queued"}),
    "POST /workspaces": Ask(ADMIN, {"name": "other", "owner": MEMBER}),
    "PATCH /workspaces/{workspace}": Ask(body={"description": "Vision"}),
    "DELETE /workspaces/{workspace}": Ask(ADMIN, world={"workspace": "empty"}),
    "PUT /workspaces/{workspace}/members/{username}": Ask(body={"roles": ["operator"]}),
    "DELETE /workspaces/{workspace}/members/{username}": Ask(),
    "PUT /workspaces/{workspace}/roles/{role}": Ask(body={"actions": ["image.read"]}),
    "DELETE /workspaces/{workspace}/roles/{role}": Ask(world={"role": "unused"}),
    "POST /code-sources": Ask(
        MEMBER, {"workspace": "team", "name": "model", "url": "https://git.example.org/model.git"}
    ),
    "DELETE /code-sources/{code_source_id}": Ask(),
    "POST /datasets": Ask(MEMBER, {"workspace": "team", "name": "birds"}),
    "PATCH /datasets/{dataset_id}": Ask(body={"description": "Cats and dogs"}),
    "DELETE /datasets/{dataset_id}": Ask(),
    "POST /datasets/{dataset_id}/versions": Ask(body={"description": "More of them"}),
    "POST /datasets/{dataset_id}/check": Ask(),
    "DELETE /datasets/{dataset_id}/files": Ask(query="path=old.txt"),
    "POST /datasets/{dataset_id}/uploads": Ask(body={"path": "new.txt", "size": "3"}),
    "PUT /datasets/uploads/{upload_id}/content": Ask(),
    "DELETE /datasets/uploads/{upload_id}": Ask(),
    "POST /datasets/{dataset_id}/warmings": Ask(body={"path": ""}, world={"dataset_id": "lake"}),
    "DELETE /datasets/warmings/{warming_id}": Ask(),
    "POST /instances/{instance_id}/mounts": Ask(body={"dataset": "pets"}, world=RUNNING),
    "DELETE /instances/{instance_id}/mounts/{mount_id}": Ask(),
    "POST /instances": Ask(
        body={
            "workspace": "team",
            "display_name": "New",
            "image": "{image_id}",
            "spec": "one",
            "start": False,
        }
    ),
    "PATCH /instances/{instance_id}": Ask(body={"display_name": "Another name"}),
    "DELETE /instances/{instance_id}": Ask(),
    "POST /instances/{instance_id}/start": Ask(body={"priority": 3}),
    "POST /instances/{instance_id}/stop": Ask(
        body={"save": True}, world={"instance_id": "running"}
    ),
    "POST /instances/{instance_id}/snapshots/forecast": Ask(body={"full": True}),
    "POST /instances/{instance_id}/snapshots": Ask(body={"name": "with torch"}),
    "POST /snapshots/{snapshot_id}/cancel": Ask(),
    "PUT /instances/{instance_id}/shares": Ask(body={"access": "view"}),
    "DELETE /instances/{instance_id}/shares/{share_id}": Ask(),
    "POST /images": Ask(
        body={"workspace": "team", "name": "theirs", "reference": "{registry}/tools/theirs:1"}
    ),
    "PATCH /images/{image_id}": Ask(body={"name": "ours"}, world={"image_id": "saved"}),
    "DELETE /images/{image_id}": Ask(world={"image_id": "saved"}),
    "POST /images/{image_id}/check": Ask(world={"image_id": "saved"}),
    "POST /images/{image_id}/restore": Ask(body={"name": "again"}, world={"image_id": "saved"}),
    "POST /images/{image_id}/export": Ask(world={"image_id": "saved"}),
    "POST /images/import": Ask(body={"workspace": "team", "name": "brought", "size": 10240}),
    "PUT /images/transfers/{transfer_id}/content": Ask(),
    "DELETE /images/transfers/{transfer_id}": Ask(),
    "PUT /workspaces/{workspace}/registry": Ask(
        ADMIN,
        {"address": "{another_registry}", "repository": "team/saved", "insecure": "true"},
        world={"workspace": "empty"},
    ),
    "DELETE /workspaces/{workspace}/registry": Ask(ADMIN, world={"workspace": "empty"}),
    "POST /credentials": Ask(
        body={
            "workspace": "team",
            "name": "mirror",
            "kind": "git",
            "host": "git.example.org",
            "secret": "of the mirror",
        }
    ),
    "DELETE /credentials/{credential_id}": Ask(),
    "POST /ssh-keys": Ask(body={"public_key": KEY}),
    "DELETE /ssh-keys/{key_id}": Ask(),
    "POST /ssh/tickets": Ask(body={"instance": "running"}),
    "PUT /instances/{instance_id}/ssh": Ask(
        ITS_SERVER, {"user": "dsw", "host_key": KEY}, world=RUNNING
    ),
    "PUT /instances/{instance_id}/endpoints": Ask(
        ITS_SERVER, {"ports": [{"port": 8000, "process": "python"}]}, world=RUNNING
    ),
    "POST /instances/{instance_id}/ssh/entries": Ask(
        ITS_SERVER, {"ticket": "sealed"}, world=RUNNING
    ),
}
"""By method and path. A route that is not here fails the test: add how it works."""

FOR_SERVERS = {
    "GET /instances/{instance_id}/visitors",
    "PUT /instances/{instance_id}/ssh",
    "PUT /instances/{instance_id}/endpoints",
    "POST /instances/{instance_id}/ssh/entries",
    "GET /instances/{instance_id}/ssh/entrants",
}
"""Asked by instances with their own token alone."""

WRITTEN_ELSEWHERE = {
    "PUT /instances/{instance_id}/ssh": "only a host key that changed is, as the instance's act",
    "PUT /instances/{instance_id}/endpoints": "it is no act of anybody's",
    "POST /instances/{instance_id}/ssh/entries": "that the ticket was given is",
    "POST /instances/{instance_id}/snapshots/forecast": "it changes nothing",
    "PUT /images/transfers/{transfer_id}/content": "that the import began is, and its end",
    "PUT /datasets/uploads/{upload_id}/content": "that the upload began is",
    "POST /datasets/{dataset_id}/check": "it only looks",
}
"""Changes that leave no line of the audit log here, and why."""

FROM_AN_INSTANCE = FOR_SERVERS | {
    "GET /me",
    "GET /instances",
    "GET /instances/{instance_id}",
    "GET /instances/{instance_id}/events",
    "GET /instances/{instance_id}/events/stream",
    "POST /instances/{instance_id}/snapshots",
    "POST /instances/{instance_id}/snapshots/forecast",
    "GET /snapshots",
    "GET /snapshots/{snapshot_id}",
    "GET /snapshots/{snapshot_id}/events",
    "POST /snapshots/{snapshot_id}/cancel",
    "GET /datasets",
    "GET /datasets/{dataset_id}",
    "GET /datasets/{dataset_id}/files",
    "GET /datasets/{dataset_id}/preview",
    "GET /instances/{instance_id}/mounts",
    "POST /instances/{instance_id}/mounts",
    "GET /instances/{instance_id}/mounts/{mount_id}",
    "DELETE /instances/{instance_id}/mounts/{mount_id}",
}
"""All that the token of an instance reaches, and of these only what concerns that instance, or is
of its workspace."""

WHOLE_LISTS = {
    "GET /specs",
    "GET /resource-groups",
    "GET /workspaces/{workspace}/quotas",
    "GET /workspaces/{workspace}/roles",
    "GET /storage-classes",
}
"""Lists that are as long as the configuration makes them, and come as a whole."""

QUERIES = {"GET /audit": "workspace=team&"}
"""What a list must be asked for by those who do not administrate the platform."""

NOT_MATCHED = {
    "DELETE /queue/{instance_id}": "an entry is no object: it is taken out wherever it stands",
    "PUT /instances/{instance_id}/ssh": "its own server alone knows it, and sends the whole",
    "PUT /instances/{instance_id}/endpoints": "its own server alone knows them, and sends all",
    "PUT /images/transfers/{transfer_id}/content": "the offset says what the sender knows",
    "PUT /datasets/uploads/{upload_id}/content": "the offset says what the sender knows",
    "PATCH /queue/{instance_id}": "a place is asked for among entries that move by themselves",
}
"""Changes without If-Match, and why."""

ACTS = {
    "POST /instances/{instance_id}/start",
    "POST /instances/{instance_id}/stop",
    "POST /instances/{instance_id}/snapshots/forecast",
    "POST /snapshots/{snapshot_id}/cancel",
    "POST /images/{image_id}/check",
    "POST /datasets/{dataset_id}/check",
    "POST /ssh/tickets",
    "POST /instances/{instance_id}/ssh/entries",
}
"""Posts that make nothing: doing them twice is doing them once."""
