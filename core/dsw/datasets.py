"""A dataset: a registered place of data with its versions, and how people see and change it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from dsw.base import Model, View
from dsw.images import Visibility
from dsw.locations import PATH_MAX, URI_MAX
from dsw.names import id_pattern
from dsw.workspaces import RoleName

DATASET_NAME = r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$"
DatasetName = Annotated[str, Field(pattern=DATASET_NAME, max_length=62)]
LabelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/-]{0,62}$")]
LabelValue = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
FilePath = Annotated[str, Field(max_length=PATH_MAX)]
"""A path below a dataset; `dsw.locations.clean_path` says what it may be."""


class DataAccess(StrEnum):
    """Read only, or read and write."""

    RO = "ro"
    RW = "rw"


class DatasetCreate(Model):
    """A new dataset. Without a URI its folder is made on the workspace's own storage.

    `storage_class` is needed where a URI alone does not tell, such as for a bucket of one's own;
    `credential` is the id of a stored credential of the object store or the git host.
    """

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: DatasetName
    description: str = Field(default="", max_length=2000)
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict, max_length=50)
    uri: str | None = Field(default=None, min_length=1, max_length=URI_MAX)
    storage_class: str | None = Field(default=None, max_length=40)
    credential: str | None = Field(default=None, pattern=id_pattern("cred"))
    access: DataAccess = DataAccess.RO
    write_roles: list[RoleName] = Field(
        default_factory=lambda: ["owner", "admin"],
        max_length=20,
        description="Roles that may write, with access `rw`; who registered it always may.",
    )
    mount_path: str | None = Field(
        default=None, max_length=300, description="None: /mnt/data/<name>."
    )
    visibility: Visibility = Visibility.PRIVATE


class DatasetChange(Model):
    """What may change later; what is None stays. `visibility` publishes it."""

    name: DatasetName | None = None
    description: str | None = Field(default=None, max_length=2000)
    labels: dict[LabelName, LabelValue] | None = Field(default=None, max_length=50)
    access: DataAccess | None = None
    write_roles: list[RoleName] | None = Field(default=None, max_length=20)
    mount_path: str | None = Field(default=None, max_length=300, description="Empty: the default.")
    visibility: Visibility | None = None


class VersionCreate(Model):
    """A new version: other data under the same name. Without a URI its folder is made."""

    uri: str | None = Field(default=None, min_length=1, max_length=URI_MAX)
    description: str = Field(default="", max_length=2000)


class CheckView(View):
    """Whether the data could be reached when it was last tried, and why not."""

    reachable: bool | None = None
    message: str = ""
    at: datetime | None = None


class VersionView(View):
    """One version; `number` counts from 1."""

    number: int
    uri: str
    description: str = ""
    created_by: str
    created_at: datetime
    check: CheckView = CheckView()


class DatasetView(View):
    """A dataset. `version` is the newest. `writable`: the caller may mount it to write, and upload.

    `browsable`: control can list its files.
    """

    id: str
    workspace_id: str
    name: str
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    kind: str
    uri: str
    storage_class: str = ""
    credential: str | None = None
    access: DataAccess
    write_roles: list[str]
    mount_path: str
    visibility: Visibility
    owner: str
    version: int
    versions: list[VersionView] = Field(default_factory=list)
    writable: bool = False
    browsable: bool = False
    created_at: datetime
    retired_at: datetime | None = None


class DatasetUse(View):
    """Who uses a dataset: instances as `owner/name` that the caller may know, and how many more."""

    instances: list[str]
    others: int = 0


class StorageClassView(View):
    """A place where the workspace's datasets may lie, as the operator set it up."""

    name: str
    kind: str
    description: str = ""
    example: str = Field(default="", description="A URI on it.")
    writable: bool = False
    own_credential: bool = Field(default=False, description="Datasets on it name a credential.")


class FileEntry(View):
    """One entry of a folder; `size` in bytes, of files."""

    name: str
    path: str
    kind: Literal["file", "folder", "link", "other"]
    size: int | None = None
    modified_at: datetime | None = None


class Preview(View):
    """The beginning of a file. `text` of texts, `columns` and `rows` of tables; an image is
    fetched as content."""

    path: str
    kind: Literal["text", "table", "image", "none"]
    media_type: str = ""
    size: int | None = None
    text: str = ""
    columns: list[str] = Field(default_factory=list)
    column_types: list[str] = Field(default_factory=list)
    rows: list[list[str]] = Field(default_factory=list)
    total_rows: int | None = None
    truncated: bool = False
    message: str = ""


class UploadState(StrEnum):
    """How far an upload is."""

    RECEIVING = "Receiving"
    STORING = "Storing"
    DONE = "Done"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class UploadCreate(Model):
    """A file that is sent in pieces: `size` in bytes in all."""

    path: FilePath
    size: int = Field(ge=0)
    overwrite: bool = False


class UploadView(View):
    """An upload; the next piece begins at `bytes_done`."""

    id: str
    dataset_id: str
    path: str
    size: int
    bytes_done: int
    state: UploadState
    message: str = ""
    created_at: datetime
    ended_at: datetime | None = None


class CacheView(View):
    """What a node keeps of an object store's dataset. `hit_rate`: the part of the bytes read that
    did not come from the store, 0 to 1; None before anything was read."""

    mounted: bool = False
    state: str = ""
    message: str = ""
    bytes_cached: int = 0
    bytes_limit: int = 0
    bytes_read: int = 0
    bytes_fetched: int = 0
    hit_rate: float | None = None


class WarmState(StrEnum):
    """How far the filling of a cache is."""

    WAITING = "Waiting"
    WARMING = "Warming"
    DONE = "Done"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class WarmAsk(Model):
    """What to read into the cache: all of a version, or what is below a path."""

    version: int | None = Field(default=None, ge=1)
    path: FilePath = ""


class WarmView(View):
    """The filling of a cache. Bytes and files done and in all."""

    id: str
    dataset_id: str
    version: int
    path: str = ""
    state: WarmState
    message: str = ""
    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int = 0
    files_total: int | None = None
    created_at: datetime
    ended_at: datetime | None = None
