"""What a workspace is now, in the terms of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from dsw.client import Client
from dsw.code_sources import CodeSourceView
from dsw.datasets import DatasetView
from dsw.errors import Conflict, NotFound, RemoteError
from dsw.images import (
    ImageFilter,
    ImageSource,
    ImageView,
    Visibility,
)
from dsw.manifest.document import RegistryEntry
from dsw.manifest.state import (
    CodeState,
    DatasetState,
    ImageState,
    MemberState,
    Settings,
    WorkspaceState,
)
from dsw.plan import DATA
from dsw.workspaces import RolePut, WorkspaceView

N = TypeVar("N", ImageView, CodeSourceView, DatasetView)


def read_state(client: Client, workspace: str) -> WorkspaceState | None:
    """What the workspace is now; None where there is none that the caller may see."""
    try:
        view = client.workspace(workspace)
    except RemoteError as error:
        if error.status == NotFound.status:
            return None
        raise
    if view.archived_at is not None:
        raise Conflict(
            f"The workspace {view.name!r} is archived and read-only.",
            f"Take it out first: dsw workspaces unarchive {view.name}",
        )
    return WorkspaceState(
        name=view.name,
        settings=Settings(
            display_name=view.display_name, description=view.description, policy=view.policy
        ),
        registry=registry_of(client, view),
        roles={
            role.name: RolePut(description=role.description, actions=sorted(role.actions))
            for role in client.roles(view.id)
            if not role.builtin
        },
        quotas={item.resource_group: item.quota for item in client.quotas(view.id)},
        members=_members(client, view.id),
        code_sources=_codes(client, view.id),
        datasets=_datasets(client, view.id),
        images={name: _image_state(item) for name, item in seen_images(client, view.id).items()},
    )


def registry_of(client: Client, view: WorkspaceView) -> RegistryEntry | None:
    """The registry of its own that a workspace has, if any."""
    if view.registry is None:
        return None
    own = view.registry.credential
    named = own and _credential_names(client, view.id).get(own, own)
    return RegistryEntry.model_validate({**view.registry.model_dump(), "credential": named})


def _members(client: Client, workspace_id: str) -> dict[str, MemberState]:
    return {
        member.username: MemberState(
            roles=sorted(member.roles),
            disabled=member.disabled,
            by_groups=bool(member.group_roles),
        )
        for member in client.members(workspace_id)
    }


def _codes(client: Client, workspace_id: str) -> dict[str, CodeState]:
    found = by_name(client.code_sources(workspace_id), "code sources")
    needed = any(item.credential for item in found.values())
    names = _credential_names(client, workspace_id) if needed else {}
    return {
        name: CodeState(
            url=item.url,
            ref=item.ref,
            directory=item.directory,
            credential=names.get(item.credential or "", item.credential),
        )
        for name, item in found.items()
    }


def _datasets(client: Client, workspace_id: str) -> dict[str, DatasetState]:
    found = seen_datasets(client, workspace_id)
    needed = any(item.credential for item in found.values())
    names = _credential_names(client, workspace_id) if needed else {}
    return {name: dataset_state(item, names) for name, item in found.items()}


def seen_datasets(client: Client, workspace_id: str) -> dict[str, DatasetView]:
    """The datasets of the workspace that its members see; private ones are their owners'."""
    items = [
        item
        for item in client.datasets(workspace=workspace_id)
        if item.workspace_id == workspace_id and item.visibility is not Visibility.PRIVATE
    ]
    return by_name(items, "datasets")


def dataset_state(item: DatasetView, credentials: Mapping[str, str]) -> DatasetState:
    """A dataset in the terms of the file; `credentials` are names by id."""
    usual = item.mount_path == f"{DATA}/{item.name}"
    return DatasetState(
        uri=item.uri,
        storage_class=item.storage_class,
        credential=credentials.get(item.credential or "", item.credential),
        description=item.description,
        labels=item.labels,
        access=item.access,
        write_roles=sorted(item.write_roles),
        mount_path="" if usual else item.mount_path,
        visibility=item.visibility,
    )


def seen_images(client: Client, workspace_id: str) -> dict[str, ImageView]:
    """The custom images of the workspace that its members see; private ones are their owners'."""
    items = [
        item
        for item in client.images(ImageFilter(workspace=workspace_id, source=ImageSource.CUSTOM))
        if item.workspace_id == workspace_id and item.visibility is not Visibility.PRIVATE
    ]
    return by_name(items, "images")


def by_name(items: Sequence[N], what: str) -> dict[str, N]:
    found: dict[str, N] = {}
    for item in items:
        if item.name in found:
            raise Conflict(
                f"Two {what} of the workspace are called {item.name!r}, which a file cannot tell "
                "apart.",
                f"Rename or delete one: {found[item.name].id} or {item.id}.",
            )
        found[item.name] = item
    return found


def _image_state(item: ImageView) -> ImageState:
    return ImageState(
        reference=item.reference,
        description=item.description,
        labels=item.labels,
        visibility=item.visibility,
    )


def _credential_names(client: Client, workspace_id: str) -> dict[str, str]:
    return {item.id: item.name for item in client.credentials(workspace_id)}
