"""What a workspace is, in the terms of its file, and what it should be after a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field

from dsw.base import Model
from dsw.datasets import DataAccess
from dsw.images import ImageLabels, Visibility
from dsw.manifest.document import (
    CodeSourceEntry,
    DatasetEntry,
    ImageEntry,
    MemberEntry,
    RegistryEntry,
    WorkspaceDocument,
    directory_of,
)
from dsw.quota import Quota
from dsw.workspaces import Policy, RolePut

M = TypeVar("M", bound=Model)


class Settings(Model):
    """The workspace itself."""

    display_name: str
    description: str = ""
    policy: Policy = Field(default_factory=Policy)


class MemberState(Model):
    """A member's own roles; `by_groups`: they have roles by groups of the identity provider, and
    so stay whatever the file says."""

    roles: list[str]
    disabled: bool = False
    by_groups: bool = False


class CodeState(Model):
    """A code source; `credential` by name."""

    url: str
    ref: str = ""
    directory: str
    credential: str | None = None


class ImageState(Model):
    """A custom image that members see; its reference in full."""

    reference: str
    description: str = ""
    labels: ImageLabels = ImageLabels()
    visibility: Visibility = Visibility.WORKSPACE


class DatasetState(Model):
    """A dataset that members see. No `uri`: its folders are made; no `mount_path`: by its name.
    `credential` by name."""

    uri: str = ""
    storage_class: str = ""
    credential: str | None = None
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    access: DataAccess = DataAccess.RO
    write_roles: list[str] = Field(default_factory=lambda: ["admin", "owner"])
    mount_path: str = ""
    visibility: Visibility = Visibility.WORKSPACE

    def is_in_place_of(self, other: DatasetState) -> bool:
        """Whether one cannot become the other, but has to be registered anew."""
        places = [
            (each.uri.partition("://")[0], each.storage_class, each.credential)
            for each in (self, other)
        ]
        return places[0] != places[1]


class WorkspaceState(Model):
    """All of a workspace that a file can say. Lists of roles and actions are sorted."""

    name: str
    settings: Settings
    registry: RegistryEntry | None = None
    roles: dict[str, RolePut] = Field(default_factory=dict)
    quotas: dict[str, Quota] = Field(default_factory=dict)
    members: dict[str, MemberState] = Field(default_factory=dict)
    code_sources: dict[str, CodeState] = Field(default_factory=dict)
    images: dict[str, ImageState] = Field(default_factory=dict)
    datasets: dict[str, DatasetState] = Field(default_factory=dict)


def nothing(name: str) -> WorkspaceState:
    """A workspace that is about to be made."""
    return WorkspaceState(name=name, settings=Settings(display_name=name))


def wanted(current: WorkspaceState, document: WorkspaceDocument) -> WorkspaceState:
    """The current state with all in it that the document says. Pure."""
    prune = document.prune
    given = {
        key: getattr(document, key)
        for key in ("display_name", "description")
        if getattr(document, key) is not None
    }
    settings = current.settings.model_copy(update=given)
    if document.policy is not None:
        policy = _merged(settings.policy, document.policy, prune)
        settings = settings.model_copy(update={"policy": policy})
    return WorkspaceState(
        name=current.name,
        settings=settings,
        registry=_registry(current.registry, document),
        roles=_section(current.roles, document.roles, _role, prune),
        quotas={
            **current.quotas,
            **{
                group: _merged(current.quotas.get(group, Quota()), quota, prune)
                for group, quota in (document.quotas or {}).items()
            },
        },
        members=_section(current.members, document.members, _member, prune),
        code_sources=_section(current.code_sources, document.code_sources, _code, prune),
        images=_section(current.images, document.images, _image, prune),
        datasets=_section(current.datasets, document.datasets, _dataset, prune),
    )


def _registry(old: RegistryEntry | None, document: WorkspaceDocument) -> RegistryEntry | None:
    """Another address is another registry, which nothing is kept of."""
    if "registry" not in document.model_fields_set:
        return old
    new = document.registry
    if old is None or new is None or old.address != new.address or document.prune:
        return new
    return _merged(old, new, False)


def _section(
    current: Mapping[str, Any], entries: Mapping[str, Any] | None, make: Any, prune: bool
) -> dict[str, Any]:
    """A table of the workspace with the entries in it. Without the section nothing changes."""
    if entries is None:
        return dict(current)
    made = {key: make(current.get(key), entry) for key, entry in entries.items()}
    if not prune:
        return {**current, **made}
    stays = {key: old for key, old in current.items() if getattr(old, "by_groups", False)}
    return {**stays, **made}


def _merged(old: M, new: M, prune: bool) -> M:
    """The old model with every key that the new one was given; tables inside grow by their entries,
    or with `prune` become as they are given."""
    update = {}
    for key in new.model_fields_set:
        update[key] = _merged_value(getattr(old, key), getattr(new, key), prune)
    return old.model_copy(update=update)


def _merged_value(old: Any, new: Any, prune: bool) -> Any:
    if isinstance(old, Model) and isinstance(new, Model):
        return _merged(old, new, prune)
    if isinstance(old, dict) and isinstance(new, dict):
        entries = {
            key: _merged_value(old[key], value, prune) if key in old else value
            for key, value in new.items()
        }
        return entries if prune else {**old, **entries}
    return new


def _role(old: RolePut | None, entry: RolePut) -> RolePut:
    kept = old.description if old and "description" not in entry.model_fields_set else ""
    return RolePut(description=entry.description or kept, actions=sorted(set(entry.actions)))


def _member(old: MemberState | None, entry: MemberEntry) -> MemberState:
    disabled = entry.disabled
    if old is not None and "disabled" not in entry.model_fields_set:
        disabled = old.disabled
    return MemberState(
        roles=sorted(set(entry.roles)),
        disabled=disabled,
        by_groups=old is not None and old.by_groups,
    )


def _code(old: CodeState | None, entry: CodeSourceEntry) -> CodeState:
    given = entry.model_fields_set
    made = CodeState(
        url=entry.url, ref=entry.ref, directory=directory_of(entry), credential=entry.credential
    )
    if old is None:
        return made
    kept = {
        key: getattr(old, key) for key in ("ref", "directory", "credential") if key not in given
    }
    return made.model_copy(update=kept)


def _image(old: ImageState | None, entry: ImageEntry) -> ImageState:
    made = ImageState(
        reference=entry.reference,
        description=entry.description,
        labels=entry.labels,
        visibility=entry.visibility,
    )
    if old is None:
        return made
    given = entry.model_fields_set
    kept = {key: getattr(old, key) for key in ("description", "visibility") if key not in given}
    labels = _merged(old.labels, entry.labels, False) if "labels" in given else old.labels
    return made.model_copy(update={**kept, "labels": labels})


def _dataset(old: DatasetState | None, entry: DatasetEntry) -> DatasetState:
    given = {key: getattr(entry, key) for key in entry.model_fields_set}
    for key in ("uri", "storage_class", "mount_path"):
        if key in given:
            given[key] = given[key] or ""
    if "write_roles" in given:
        given["write_roles"] = sorted(set(entry.write_roles))
    made = DatasetState(**given) if old is None else old.model_copy(update=given)
    if old is not None and "labels" in given:
        return made.model_copy(update={"labels": {**old.labels, **entry.labels}})
    return made
