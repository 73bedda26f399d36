"""An image of the catalog: what is sent to add or change one, and how it is shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from dsw.apps import App
from dsw.base import Model, View
from dsw.names import id_pattern

ImageName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Label = Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]

ImageTag = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
"""A name of an image that may move to another one, as registries have it."""


class ImageSource(StrEnum):
    """Where an image comes from."""

    OFFICIAL = "official"
    CUSTOM = "custom"
    SNAPSHOT = "snapshot"


class Visibility(StrEnum):
    """Who sees an image: its owner, the members of its workspace, everybody."""

    PRIVATE = "private"
    WORKSPACE = "workspace"
    PUBLIC = "public"


class ImageUse(StrEnum):
    """What an image can run, as its check found. `unknown`: not checked yet."""

    UNKNOWN = "unknown"
    INSTANCE = "instance"
    JOB = "job"


class ImageLabels(Model):
    """What is in an image, in the words people filter by."""

    framework: Label = ""
    python: Label = ""
    cuda: Label = ""
    os: Label = ""


class ImageAdd(Model):
    """An image that is somewhere else: `reference` is `[host[:port]/]repository[:tag|@digest]`.

    It is resolved to a digest when it is added. `credential` is the id of a stored credential for
    its registry.
    """

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: ImageName
    description: str = Field(default="", max_length=2000)
    reference: str = Field(min_length=1, max_length=500, pattern=r"^[\x21-\x7e]+$")
    credential: str | None = Field(default=None, pattern=id_pattern("cred"))
    labels: ImageLabels | None = Field(
        default=None, description="What is empty is as the image says."
    )
    visibility: Visibility = Visibility.PRIVATE


class ImageChange(Model):
    """What may change later; what is None stays."""

    name: ImageName | None = None
    description: str | None = Field(default=None, max_length=2000)
    labels: ImageLabels | None = None
    visibility: Visibility | None = None
    tag: ImageTag | Literal[""] | None = Field(
        default=None,
        description="A tag of the workspace; taken from the image that has it. Empty: none.",
    )


class ImageFilter(Model):
    """Which images of the catalog are listed; what is None does not matter.

    `name` is a part of the name. A label fits as a whole, or as far as a dot or blank of what the
    image has: `3.11` fits `3.11.4`, and not `3.110`.
    """

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    source: ImageSource | None = None
    visibility: Visibility | None = None
    use: ImageUse | None = None
    name: str | None = Field(default=None, max_length=100)
    framework: Label | None = None
    python: Label | None = None
    cuda: Label | None = None
    os: Label | None = None


class ImageView(View):
    """A catalog image; `digest` is what an engine runs, `parent_id` the image it grew from.

    `size` in bytes. `platform` is `os/architecture`.
    """

    id: str
    name: str
    description: str = ""
    source: ImageSource
    workspace_id: str | None = None
    owner: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    labels: ImageLabels = ImageLabels()
    reference: str
    digest: str = ""
    tag: str | None = None
    size: int | None = None
    platform: str = ""
    use: ImageUse = ImageUse.UNKNOWN
    apps: list[App] = Field(default_factory=list, description="That its labels declare.")
    parent_id: str | None = None
    instance_id: str | None = None
    available: bool = True
    hint: str = Field(default="", description="What the check that was just made has to say.")
    created_at: datetime
    retired_at: datetime | None = Field(
        default=None, description="Since when it is offered no more; instances may still use it."
    )


class ImageUsage(View):
    """Who uses an image: `instances` as `owner/name`, as far as the caller may know them, `others`
    how many more there are, `children` the ids of the images that grew from it and are seen."""

    instances: list[str]
    others: int = 0
    children: list[str]


class CredentialKind(StrEnum):
    """What a credential opens."""

    REGISTRY = "registry"
    GIT = "git"
    OBJECT_STORE = "object-store"


class CredentialCreate(Model):
    """A user name and a secret for one host; kept encrypted and never shown again."""

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: ImageName
    kind: CredentialKind
    host: str = Field(
        min_length=1,
        max_length=255,
        pattern=r"^[A-Za-z0-9.\[\]:_-]+$",
        description="Host, with its port if any, that it may be sent to; to no other.",
    )
    username: str = Field(
        default="", max_length=255, description="Of an object store: the access key id."
    )
    secret: str = Field(min_length=1, max_length=8192, repr=False)


class CredentialView(View):
    """A stored credential, without its secret."""

    id: str
    workspace_id: str
    name: str
    kind: CredentialKind
    host: str
    username: str
    owner: str
    created_at: datetime
