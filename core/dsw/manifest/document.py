"""What may stand in a workspace's file: a closed schema of what a workspace should be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from dsw.base import Model
from dsw.code_sources import GIT_REF, GIT_URL, clone_directory
from dsw.datasets import DataAccess, DatasetName, LabelName, LabelValue
from dsw.errors import Invalid
from dsw.images import ImageLabels, ImageName, Visibility
from dsw.locations import URI_MAX, parse_location
from dsw.quota import Quota
from dsw.references import parse_reference
from dsw.roles import Role
from dsw.workspaces import (
    ONE_LINE,
    WORKSPACE_NAME,
    Policy,
    RegistryPut,
    RoleName,
    RolePut,
    check_username,
)


def _username(name: str) -> str:
    try:
        return check_username(name)
    except Invalid as error:
        raise ValueError(error.sentence) from error


def _custom(name: str) -> str:
    if name in set(Role):
        raise ValueError(f"{name!r} is a built-in role; custom ones have other names")
    return name


def _reference(text: str) -> str:
    try:
        return str(parse_reference(text))
    except Invalid as error:
        raise ValueError(error.sentence) from error


def _location(uri: str) -> str:
    try:
        parse_location(uri)
    except Invalid as error:
        raise ValueError(error.sentence) from error
    return uri


def _as_roles(data: Any) -> Any:
    """A member may be written as the list of their roles."""
    return {"roles": data} if isinstance(data, list) else data


class MemberEntry(Model):
    """A member's own roles in full; only those who have roles by a group may have none."""

    roles: list[RoleName] = Field(max_length=20)
    disabled: bool = False


class CodeSourceEntry(Model):
    """A repository; `credential` is the name of a stored one."""

    url: str = Field(max_length=1000, pattern=GIT_URL)
    ref: str = Field(default="", max_length=200, pattern=rf"{GIT_REF}|^$")
    directory: str = Field(default="", max_length=200)
    credential: ImageName | None = None


class ImageEntry(Model):
    """An image of a registry; `credential` is the name of a stored one, used when it is added."""

    reference: Annotated[str, AfterValidator(_reference)] = Field(max_length=500)
    description: str = Field(default="", max_length=2000)
    labels: ImageLabels = ImageLabels()
    visibility: Literal[Visibility.WORKSPACE, Visibility.PUBLIC] = Visibility.WORKSPACE
    credential: ImageName | None = None


class DatasetEntry(Model):
    """A dataset; without a `uri` its folder is made. `credential` is the name of a stored one."""

    uri: Annotated[str, AfterValidator(_location)] | None = Field(default=None, max_length=URI_MAX)
    storage_class: str | None = Field(default=None, max_length=40)
    credential: ImageName | None = None
    description: str = Field(default="", max_length=2000)
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict, max_length=50)
    access: DataAccess = DataAccess.RO
    write_roles: list[RoleName] = Field(default_factory=lambda: ["owner", "admin"], max_length=20)
    mount_path: str | None = Field(default=None, max_length=300)
    visibility: Literal[Visibility.WORKSPACE, Visibility.PUBLIC] = Visibility.WORKSPACE


class RegistryEntry(RegistryPut):
    """A registry of the workspace's own; `credential` is the name of a stored one."""

    credential: ImageName | None = None


class WorkspaceDocument(Model):
    """One document of a file. What does not stand there is left as it is; with `prune`, what is
    missing in a section that does stand there is removed. A registry that stands there as null is
    the installation's."""

    kind: Literal["Workspace"]
    name: str = Field(pattern=WORKSPACE_NAME)
    prune: bool = False
    display_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=ONE_LINE)
    description: str | None = Field(default=None, max_length=2000)
    policy: Policy | None = None
    registry: RegistryEntry | None = None
    roles: dict[Annotated[RoleName, AfterValidator(_custom)], RolePut] | None = None
    members: (
        dict[
            Annotated[str, AfterValidator(_username)],
            Annotated[MemberEntry, BeforeValidator(_as_roles)],
        ]
        | None
    ) = None
    quotas: dict[Annotated[str, Field(max_length=40)], Quota] | None = None
    code_sources: dict[ImageName, CodeSourceEntry] | None = None
    images: dict[ImageName, ImageEntry] | None = None
    datasets: dict[DatasetName, DatasetEntry] | None = None


def directory_of(entry: CodeSourceEntry) -> str:
    """The folder that it is cloned into, as control answers it."""
    return clone_directory(entry.url, entry.directory)
