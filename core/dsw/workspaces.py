"""A workspace, its members and its policy: what is sent, and what is shown."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dsw.base import Model, View
from dsw.errors import Invalid
from dsw.names import id_pattern
from dsw.roles import ROLE_NAME, Action
from dsw.snapshots import SnapshotPolicy

WORKSPACE_NAME = r"^[a-z][a-z0-9-]{0,29}$"
ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
REPOSITORY = r"^[a-z0-9]+(?:[._/-][a-z0-9]+)*$"

USERNAME_MAX = 255

RoleName = Annotated[str, Field(pattern=ROLE_NAME)]
Priority = Annotated[int, Field(ge=1, le=9)]

DEFAULT_PRIORITY = 5


def check_username(name: str) -> str:
    """The name itself when a hub could have a user of it; `Invalid` otherwise.

    Any script may be used. Names that only look alike are different users, as they are to the hub.
    """
    bad = not 1 <= len(name) <= USERNAME_MAX or "/" in name or name != name.strip()
    if bad or set(name) == {"."} or any(unicodedata.category(one) in ("Cc", "Cs") for one in name):
        shown = name if len(name) <= 40 else f"{name[:40]}..."
        raise Invalid(
            f"The user name {shown!r} cannot be used.",
            f"It is the name that the hub knows: 1 to {USERNAME_MAX} characters without slashes, "
            "control characters, or spaces at its ends.",
        )
    return name


class IdleRule(Model):
    """When a running instance counts as idle: both loads low for so long. 0 minutes: never."""

    minutes: int = Field(default=0, ge=0, le=100_000, description="0: never idle.")
    cpu_percent: float = Field(default=5, ge=0, le=100, description="Low is below this.")
    gpu_percent: float = Field(default=5, ge=0, le=100, description="Low is below this.")


class DataPolicy(Model):
    """What a start does about a dataset that cannot be reached."""

    unreachable: Literal["fail", "degraded"] = Field(
        default="fail",
        description="`fail`: the instance does not start. `degraded`: it starts, and the dataset "
        "comes when it can be reached.",
    )


class Policy(Model):
    """What a workspace allows beyond its quotas.

    A member may take what one of their roles allows, and ask for the highest priority of their
    roles.
    """

    images: list[Annotated[str, Field(max_length=40)]] = Field(
        default_factory=list,
        max_length=200,
        description="Catalog ids, or the words `official`, `custom`, `snapshot`. Empty: all.",
    )
    sudo: bool = Field(default=True, description="Whether users may become root inside.")
    specs: dict[RoleName, list[Annotated[str, Field(max_length=40)]]] = Field(
        default_factory=dict, description="Specs by role; all for a role that is not listed."
    )
    max_priority: dict[RoleName, Priority] = Field(
        default_factory=lambda: {"owner": 9, "admin": 9, "operator": 9},
        description="The highest priority by role; 5 for a role that is not listed.",
    )
    max_run_minutes: int = Field(
        default=0, ge=0, le=1_000_000, description="Minutes after which a run is ended; 0: never."
    )
    idle: IdleRule = Field(default_factory=IdleRule, description="When an instance counts as idle.")
    snapshots: SnapshotPolicy = Field(
        default_factory=SnapshotPolicy, description="What saving as an image keeps to."
    )
    data: DataPolicy = Field(default_factory=DataPolicy, description="Of its datasets.")
    on_removal: Literal["stop", "delete"] = Field(
        default="stop",
        description="What happens to the instances of a member who leaves; what is on the NAS "
        "stays.",
    )

    def highest_priority(self, roles: frozenset[str]) -> int:
        """The highest priority that a member with these roles may ask for."""
        return max((self.max_priority.get(role, DEFAULT_PRIORITY) for role in roles), default=1)

    def allowed_specs(self, roles: frozenset[str]) -> frozenset[str] | None:
        """The specs that a member with these roles may take; `None`: all."""
        lists = [self.specs.get(role) for role in roles]
        if not lists or any(names is None for names in lists):
            return None
        return frozenset(name for names in lists for name in names or ())


class WorkspaceCreate(Model):
    """A new workspace; `owner` (None: who makes it) becomes its first member. Its quotas are those
    of the default."""

    name: str = Field(pattern=WORKSPACE_NAME, description="In URLs and commands; fixed.")
    display_name: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")
    description: str = Field(default="", max_length=2000)
    owner: str | None = Field(default=None, min_length=1, max_length=USERNAME_MAX)
    policy: Policy = Field(default_factory=Policy)


class WorkspaceChange(Model):
    """What may change later; what is None stays. A policy is replaced as a whole."""

    display_name: str | None = Field(default=None, min_length=1, max_length=100, pattern=ONE_LINE)
    description: str | None = Field(default=None, max_length=2000)
    policy: Policy | None = None
    archived: bool | None = None


class WorkspaceView(View):
    """A team's tenancy, and the caller's roles and actions in it."""

    id: str
    name: str
    display_name: str
    description: str = ""
    policy: Policy
    registry: RegistryPut | None = None
    roles: list[str]
    actions: list[Action]
    members: int = 0
    archived_at: datetime | None = None
    created_at: datetime


class RegistryPut(Model):
    """The registry of a workspace, instead of the installation's: its snapshots are pushed below
    `repository`. `credential` is the id of a stored credential of that host."""

    address: str = Field(pattern=r"^[a-z0-9.-]+(:\d+)?$", max_length=255)
    repository: str = Field(pattern=REPOSITORY, max_length=200)
    credential: str | None = Field(default=None, pattern=id_pattern("cred"))
    insecure: bool = Field(default=False, description="Plain http; loopback addresses only.")
    compression: Literal["gzip", "zstd"] = Field(
        default="gzip", description="zstd is quicker; engines older than Docker 23 cannot read it."
    )

    @model_validator(mode="after")
    def _plain_http_on_loopback(self) -> RegistryPut:
        if self.insecure and self.address.partition(":")[0] not in ("localhost", "127.0.0.1"):
            raise ValueError("insecure = true is for a registry on localhost only")
        return self


class MemberPut(Model):
    """A member's roles in full; a disabled member keeps them and has no access.

    Only who has roles by a group may have none here.
    """

    roles: list[RoleName] = Field(max_length=20)
    disabled: bool = False


class MemberView(View):
    """A member. `group_roles` follow the identity provider's groups and are not changed here."""

    username: str
    roles: list[str]
    group_roles: list[str] = Field(default_factory=list)
    disabled: bool
    added_by: str
    added_at: datetime


class RolePut(Model):
    """A custom role: any of the actions that a workspace has."""

    description: str = Field(default="", max_length=500)
    actions: list[Action] = Field(max_length=len(Action))


class RoleView(View):
    """A role of a workspace, built-in ones included."""

    name: str
    description: str = ""
    builtin: bool
    actions: list[Action]


class SshGateway(View):
    """Where `ssh -J` goes: `host:port`, and the host key there (public half), once it is made."""

    address: str
    host_key: str | None = None


class Me(View):
    """Who the caller is to control."""

    name: str
    admin: bool
    engine: str
    isolated: bool
    hub_url: str
    version: str
    instance_id: str | None = None
    ssh_gateway: SshGateway | None = None
