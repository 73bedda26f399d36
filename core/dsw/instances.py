"""An instance: its public states, what a client may ask of it, and how it is shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field, model_validator

from dsw.apps import Endpoints
from dsw.base import Model, View
from dsw.mounts import StaticMount
from dsw.names import id_pattern
from dsw.sharing import Access
from dsw.specs import Spec
from dsw.workspaces import DEFAULT_PRIORITY, Priority


class InstanceState(StrEnum):
    """The words that the DSW API uses, and no others."""

    CREATING = "Creating"
    QUEUING = "Queuing"
    RESOURCE_ALLOCATING = "ResourceAllocating"
    ENV_PREPARING = "EnvPreparing"
    STARTING = "Starting"
    RUNNING = "Running"
    UPDATING = "Updating"
    SAVING = "Saving"
    SAVE_FAILED = "SaveFailed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    RECOVERING = "Recovering"
    DELETING = "Deleting"
    FAILED = "Failed"


class Desired(StrEnum):
    """What the owner wants an instance to be."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"


IS_UP = frozenset({InstanceState.RUNNING, InstanceState.SAVING, InstanceState.SAVE_FAILED})
IS_STARTING = frozenset(
    {
        InstanceState.CREATING,
        InstanceState.QUEUING,
        InstanceState.RESOURCE_ALLOCATING,
        InstanceState.ENV_PREPARING,
        InstanceState.STARTING,
        InstanceState.RECOVERING,
    }
)
AT_REST = frozenset({InstanceState.STOPPED, InstanceState.FAILED})


class Reason(StrEnum):
    """Why an instance is in its state, as a stable word."""

    NONE = ""
    REQUESTED = "Requested"
    QUOTA_EXCEEDED = "QuotaExceeded"
    WAITING_FOR_RESOURCES = "WaitingForResources"
    TAKEN_FROM_QUEUE = "TakenFromQueue"
    RUN_TIME_LIMIT = "RunTimeLimit"
    MEMBER_REMOVED = "MemberRemoved"
    IMAGE_GONE = "ImageGone"
    CODE_GONE = "CodeSourceGone"
    DATASET_UNREACHABLE = "DatasetUnreachable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    NEEDS_NEW_CONTAINER = "NeedsNewContainer"
    ENGINE_FAILED = "EngineFailed"
    NEVER_ANSWERED = "NeverAnswered"
    OUT_OF_MEMORY = "OutOfMemory"
    EXITED = "Exited"
    ENDED_BY_USER = "EndedByUser"
    ENGINE_LOST = "EngineLost"
    HUB_LOST = "HubLost"
    HUB_REFUSED = "HubRefused"
    TOO_MANY_RESTARTS = "TooManyRestarts"


DisplayName = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")


class InstanceCreate(Model):
    """A new instance. Without a name one is made from the display name; one of both is needed."""

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: str | None = Field(default=None, description="The hub's named-server name.")
    display_name: str | None = DisplayName
    image: str = Field(pattern=id_pattern("img"), description="Id of a catalog image.")
    spec: str = Field(max_length=40, description="Name of a spec.")
    resource_group: str | None = Field(
        default=None, max_length=64, description="None: the first that offers the spec."
    )
    priority: Priority | None = Field(default=None, description="1 to 9; None: 5 or less.")
    code_source: str | None = Field(default=None, pattern=id_pattern("code"))
    datasets: list[StaticMount] = Field(default_factory=list, max_length=50)
    save_on_stop: bool = Field(default=False, description="Save it as an image at each stop.")
    start: bool = True
    queue: bool = Field(default=True, description="Wait when it does not fit now; else refuse.")

    @model_validator(mode="before")
    @classmethod
    def _optional_display_name(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("display_name") is None:
            data = {**data, "display_name": data.get("name") or "instance"}
        return data


class InstanceStart(Model):
    """How to start: what is None stays as it was."""

    priority: Priority | None = None
    queue: bool = True


class InstanceChange(Model):
    """What may change later. A new image or a spec with other shared memory or GPUs needs a new
    container, which loses what was installed in the old one: `discard_changes` agrees to that."""

    display_name: str | None = Field(
        default=None, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"
    )
    image: str | None = Field(default=None, pattern=id_pattern("img"))
    spec: str | None = Field(default=None, max_length=40)
    resource_group: str | None = Field(default=None, max_length=64)
    priority: Priority | None = None
    code_source: str | None = Field(default=None, pattern=rf"{id_pattern('code')}|^$")
    datasets: list[StaticMount] | None = Field(
        default=None, max_length=50, description="All of them; replaces what there was."
    )
    save_on_stop: bool | None = None
    discard_changes: bool = False


class InstanceStop(Model):
    """How to stop: whether to save it as an image; None: as the instance says."""

    save: bool | None = None


class SshHost(Model):
    """What an instance's own server told: the user to log in as, and the host's public key."""

    user: str = Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")
    host_key: str = Field(min_length=1, max_length=1000)


class QueuePlace(View):
    """Where a queued instance stands, and for what; the estimate in seconds, if any."""

    place: int
    ahead: int
    waiting_for: str
    estimate_seconds: int | None = None


class InstanceView(View):
    """An instance as its owner sees it. `url` is its path below the hub's public address, or
    absolute where each user has an origin of their own. `ssh` is known from its first start on,
    `endpoints` while it runs.

    `access` is the caller's own when it is shared with them, and None for the owner.
    """

    id: str
    name: str
    display_name: str
    owner: str
    workspace_id: str
    image_id: str
    image_name: str = ""
    spec: Spec
    resource_group: str = ""
    priority: int = DEFAULT_PRIORITY
    code_source: str | None = None
    save_on_stop: bool = False
    state: InstanceState
    desired: Desired
    reason: str = ""
    message: str = ""
    percent: float | None = None
    queue: QueuePlace | None = None
    access: Access | None = None
    ssh: SshHost | None = None
    endpoints: Endpoints | None = None
    url: str
    created_at: datetime
    started_at: datetime | None = None
    stopped_at: datetime | None = None
