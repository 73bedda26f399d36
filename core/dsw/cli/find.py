"""Which object a person means: by id, or by the name that they see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from dsw.client import Client
from dsw.code_sources import CodeSourceView
from dsw.datasets import DatasetView
from dsw.errors import Invalid, NotFound
from dsw.images import CredentialKind, CredentialView, ImageSource, ImageView
from dsw.instances import InstanceView
from dsw.queueing import QueueEntryView
from dsw.workspaces import WorkspaceView

N = TypeVar("N", ImageView, CodeSourceView, CredentialView, DatasetView)


def find_workspace(client: Client, key: str | None) -> WorkspaceView:
    """The workspace with this name or id; without a key the only one that is not archived."""
    if key:
        return client.workspace(key)
    items = [item for item in client.workspaces() if item.archived_at is None]
    if len(items) == 1:
        return items[0]
    if not items:
        raise NotFound("You are in no workspace.", "Ask an admin of one to add you.")
    names = ", ".join(item.name for item in items)
    raise Invalid("Which workspace?", f"Say --workspace NAME or set DSW_WORKSPACE: {names}.")


def find_instance(client: Client, key: str) -> InstanceView:
    """Your instance with this id, name or display name; somebody else's by OWNER/NAME or id."""
    if "/" in key:
        owner, _, name = key.rpartition("/")
        shared = [item for item in client.instances(shared=True) if item.owner == owner]
        for item in [*shared, *client.instances(everybody=True, owner=owner, name=name)]:
            if item.name == name:
                return item
        raise NotFound(f"There is no instance {key!r}, or it is not yours to see.")
    items = client.instances()
    for item in items:
        if key in (item.id, item.name):
            return item
    named = [item for item in items if item.display_name == key]
    if len(named) == 1:
        return named[0]
    if named:
        names = ", ".join(item.name for item in named)
        raise Invalid(f"Several instances are called {key!r}.", f"Use one of the names: {names}.")
    if key.startswith("dsw-"):
        return client.instance(key)
    known = ", ".join(item.name for item in items) or "none"
    raise NotFound(f"You have no instance {key!r}.", f"Yours: {known}.")


def find_queued(entries: Sequence[QueueEntryView], key: str) -> QueueEntryView:
    """The one who waits, by OWNER/NAME, name or id."""
    found = [
        entry
        for entry in entries
        if key in (entry.instance_id, entry.name, f"{entry.owner}/{entry.name}")
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{entry.owner}/{entry.name}" for entry in found or entries) or "nobody"
    if found:
        raise Invalid(f"Several that wait are called {key!r}.", f"Use one of: {names}.")
    raise NotFound(f"{key!r} is not in the queue.", f"Waiting: {names}.")


def find_image(client: Client, key: str) -> ImageView:
    """The image with this id, name or tag; without a key the first official one."""
    items = client.images()
    if not key:
        for item in items:
            if item.source is ImageSource.OFFICIAL and item.available:
                return item
    tagged = [item for item in items if item.tag == key]
    # A tag is anybody's word, also one that looks like the id of another image.
    if len(tagged) == 1 and not any(key in (item.id, item.name) for item in items):
        return tagged[0]
    return _one(items, key, "image")


def find_code_source(client: Client, key: str, workspace: str | None = None) -> CodeSourceView:
    """The code source with this id or name."""
    return _one(client.code_sources(workspace), key, "code source")


def find_dataset(client: Client, key: str, workspace: str | None = None) -> DatasetView:
    """The dataset with this id or name; one of this workspace, by its name or id, before others."""
    items = client.datasets()
    if workspace:
        place = client.workspace(workspace).id
        own = [item for item in items if item.workspace_id == place]
        items = own if any(item.name == key for item in own) else items
    return _one(items, key, "dataset")


def find_credential(
    client: Client,
    key: str,
    workspace: str | None = None,
    kind: CredentialKind | None = None,
) -> CredentialView:
    """The credential with this id or name, of one kind if that is given."""
    items = [item for item in client.credentials(workspace) if kind in (None, item.kind)]
    return _one(items, key, "credential" if kind is None else f"{kind} credential")


def _one(items: Sequence[N], key: str, what: str) -> N:
    for item in items:
        if item.id == key:
            return item
    named = [item for item in items if item.name == key]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(item.id for item in named)
        raise Invalid(f"Several {what}s are called {key!r}.", f"Use one of the ids: {ids}.")
    known = ", ".join(item.name for item in items) or "none"
    raise NotFound(f"There is no {what} {key!r}.", f"There are: {known}.")
