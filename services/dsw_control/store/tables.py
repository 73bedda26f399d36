"""The tables of control's database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no time zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Any zone in, UTC stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC out."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


class Workspace(Base):
    """A team's tenancy."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, default="")
    policy: Mapped[dict[str, Any]]
    image_registry: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Member(Base):
    """A user in a workspace: roles kept here, and roles that follow the hub's groups."""

    __tablename__ = "members"

    workspace_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    username: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)
    roles: Mapped[list[str]] = mapped_column(default=list)
    group_roles: Mapped[list[str]] = mapped_column(default=list)
    disabled: Mapped[bool] = mapped_column(default=False)
    added_by: Mapped[str] = mapped_column(String(255), default="control")
    added_at: Mapped[datetime]


class CustomRole(Base):
    """A role of one workspace, made of the same actions as the built-in ones."""

    __tablename__ = "custom_roles"

    workspace_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    description: Mapped[str] = mapped_column(Text, default="")
    actions: Mapped[list[str]]


class User(Base):
    """Whom control has seen: a user is welcomed once, not again after they were removed."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    seen_at: Mapped[datetime]


class ResourceGroup(Base):
    """What a pool of compute was last seen to have; its row is the lock of all that is admitted
    in it."""

    __tablename__ = "resource_groups"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    capacity: Mapped[dict[str, Any]]
    seen_at: Mapped[datetime]


class WorkspaceQuota(Base):
    """What a workspace may use of one resource group."""

    __tablename__ = "workspace_quotas"

    workspace_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    resource_group: Mapped[str] = mapped_column(String(40), primary_key=True)
    quota: Mapped[dict[str, Any]]


class Allocation(Base):
    """An interval in which something held resources. Without an end it holds them now, and each
    holder has one such row at most; the ended ones are the record of use.

    `kind` is `instance` (or, later, `job`); memory in bytes.
    """

    __tablename__ = "allocations"
    __table_args__ = (
        Index(
            "uq_allocations_holder",
            "holder_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_allocations_held",
            "resource_group",
            "workspace_id",
            "owner",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_allocations_workspace_started", "workspace_id", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    holder_id: Mapped[str] = mapped_column(String(20), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    workspace_id: Mapped[str] = mapped_column(String(20))
    resource_group: Mapped[str] = mapped_column(String(40))
    owner: Mapped[str] = mapped_column(String(255))
    priority: Mapped[int]
    cpu: Mapped[float]
    memory: Mapped[int] = mapped_column(BigInteger)
    gpu: Mapped[int]
    gpu_type: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class StorageUse(Base):
    """Bytes on the NAS when it was last measured: of a user in a workspace, or (no owner) of what
    the workspace shares."""

    __tablename__ = "storage_use"

    workspace_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    measured_at: Mapped[datetime]


class StorageProject(Base):
    """The number that a folder of the NAS has in the file system's quotas; for ever its own."""

    __tablename__ = "storage_projects"

    workspace_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, unique=True)


class Credential(Base):
    """A user name and an encrypted secret for one host."""

    __tablename__ = "credentials"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(20), index=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    host: Mapped[str] = mapped_column(String(255))
    username: Mapped[str] = mapped_column(String(255))
    secret: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class CodeSource(Base):
    """A git repository that instances of a workspace may clone at their start."""

    __tablename__ = "code_sources"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(20), index=True)
    name: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(Text)
    ref: Mapped[str] = mapped_column(String(200))
    directory: Mapped[str] = mapped_column(String(200))
    credential: Mapped[str | None] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class Dataset(Base):
    """A registered place of data. `version` is the newest one's number; `managed`: its folders are
    made and removed by control."""

    __tablename__ = "datasets"
    __table_args__ = (
        Index(
            "uq_datasets_workspace_name",
            "workspace_id",
            "name",
            unique=True,
            sqlite_where=text("retired_at IS NULL"),
            postgresql_where=text("retired_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(62))
    description: Mapped[str] = mapped_column(Text, default="")
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    kind: Mapped[str] = mapped_column(String(10))
    storage_class: Mapped[str] = mapped_column(String(40), default="")
    credential: Mapped[str | None] = mapped_column(String(20))
    managed: Mapped[bool] = mapped_column(default=False)
    access: Mapped[str] = mapped_column(String(2))
    write_roles: Mapped[list[str]]
    mount_path: Mapped[str] = mapped_column(String(300), default="")
    visibility: Mapped[str] = mapped_column(String(10))
    owner: Mapped[str] = mapped_column(String(255))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class DatasetVersion(Base):
    """One version of a dataset, and whether it could be reached when that was last tried."""

    __tablename__ = "dataset_versions"

    dataset_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    uri: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    created_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
    reachable: Mapped[bool | None]
    check_message: Mapped[str] = mapped_column(Text, default="")
    checked_at: Mapped[datetime | None]


class Upload(Base):
    """A file on its way into a dataset; `staged` is where its bytes are until they are stored."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int]
    workspace_id: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(255), index=True)
    path: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    overwrite: Mapped[bool] = mapped_column(default=False)
    staged: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), index=True)
    message: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Mount(Base):
    """A dataset in an instance. A static one, and a dynamic one with `keep`, outlives the run.

    `version` None: the newest at each start; `mounted_version` is what it is or was. `desired`:
    whether it is to be there while the instance runs; `source` the key of the node's source that it
    is shown from, empty for a folder. `ended_at`: it is gone for good.
    """

    __tablename__ = "mounts"
    __table_args__ = (
        Index(
            "uq_mounts_instance_kind_name",
            "instance_id",
            "kind",
            "name",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(20))
    workspace_id: Mapped[str] = mapped_column(String(20))
    dataset_id: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int | None]
    mounted_version: Mapped[int] = mapped_column(default=1)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(62))
    target: Mapped[str] = mapped_column(String(300))
    access: Mapped[str] = mapped_column(String(2))
    keep: Mapped[bool] = mapped_column(default=False)
    desired: Mapped[bool] = mapped_column(default=True)
    force: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(String(64), default="", index=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str] = mapped_column(String(40), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    percent: Mapped[float | None]
    holders: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    attempts: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class DataSource(Base):
    """An object store or a repository that a node has for its mounts: one for all instances.

    `report` is the last of its helper; `cache_bytes` what is reserved of the node's cache, kept
    after the last mount went until another one needs it.
    """

    __tablename__ = "data_sources"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(40), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cache_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    running: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]


class Warming(Base):
    """The filling of a node's cache with a dataset."""

    __tablename__ = "warmings"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    dataset_id: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int]
    workspace_id: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(20), index=True)
    message: Mapped[str] = mapped_column(Text, default="")
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    files_done: Mapped[int] = mapped_column(BigInteger, default=0)
    files_total: Mapped[int | None] = mapped_column(BigInteger)
    cancel: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Share(Base):
    """An instance that its owner shares: with one user, or (no user) with the workspace."""

    __tablename__ = "shares"
    __table_args__ = (Index("uq_shares_instance_user", "instance_id", "username", unique=True),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(20))
    username: Mapped[str] = mapped_column(String(255), default="")
    access: Mapped[str] = mapped_column(String(10))
    created_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class SshKey(Base):
    """A public key that a user logs in with by SSH; `public_key` is its line without a comment."""

    __tablename__ = "ssh_keys"
    __table_args__ = (Index("uq_ssh_keys_user_key", "username", "fingerprint", unique=True),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    username: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(64))
    public_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class ShareGrant(Base):
    """What the hub is told: this user may enter this instance. Written before, kept until the hub
    took it back; `granted_at` is when the hub agreed."""

    __tablename__ = "share_grants"

    instance_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    username: Mapped[str] = mapped_column(String(255), primary_key=True)
    granted_at: Mapped[datetime | None]


class AuditEntry(Base):
    """One line of the audit log. The database refuses to change or delete one.

    `platform_admin`: the actor was no member of the workspace and acted as its administrator.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        # They end in the id, because the log is read newest first.
        Index("ix_audit_log_workspace_id", "workspace_id", "id"),
        Index("ix_audit_log_actor", "actor", "id"),
        Index("ix_audit_log_object_id", "object_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(255))
    on_behalf_of: Mapped[str | None] = mapped_column(String(255))
    platform_admin: Mapped[bool] = mapped_column(default=False)
    action: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(300))
    workspace_id: Mapped[str | None] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(10))
    code: Mapped[str] = mapped_column(String(40), default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[dict[str, Any]]


class IdempotencyKey(Base):
    """A create that was done already: the same key gives the same object."""

    __tablename__ = "idempotency_keys"

    username: Mapped[str] = mapped_column(String(255), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(index=True)


class Image(Base):
    """A catalog image. Its digest never changes: a rebuilt official image is a new row.

    `place` is where lists show it: that of an official image in `dsw.toml`, or `LAST`. `discard`:
    deleted, and still to be removed from engine and registry. `imported`: it came as an archive.
    `placed_tag` is the tag that engine or registry show for it; it follows `tag`.
    """

    LAST: ClassVar[int] = 1000

    __tablename__ = "images"
    __table_args__ = (Index("uq_images_workspace_tag", "workspace_id", "tag", unique=True),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(20))
    workspace_id: Mapped[str | None] = mapped_column(String(20), index=True)
    owner: Mapped[str | None] = mapped_column(String(255))
    reference: Mapped[str] = mapped_column(String(512))
    digest: Mapped[str] = mapped_column(String(512))
    size: Mapped[int | None] = mapped_column(BigInteger)
    visibility: Mapped[str] = mapped_column(String(10), default="public")
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    platform: Mapped[str] = mapped_column(String(64), default="")
    use: Mapped[str] = mapped_column(String(10), default="unknown")
    apps: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    credential: Mapped[str | None] = mapped_column(String(20))
    tag: Mapped[str | None] = mapped_column(String(128))
    placed_tag: Mapped[str | None] = mapped_column(String(128))
    imported: Mapped[bool] = mapped_column(default=False)
    place: Mapped[int] = mapped_column(default=LAST)
    discard: Mapped[bool] = mapped_column(default=False)
    parent_id: Mapped[str | None] = mapped_column(String(20), index=True)
    instance_id: Mapped[str | None] = mapped_column(String(20))
    available: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]

    @property
    def is_ours(self) -> bool:
        """Whether control put it where it is, and takes it away from there."""
        return self.source == "snapshot" or self.imported


class Instance(Base):
    """One user's environment: what is wanted, what is, and what holds it.

    What it holds is its `Allocation`. A queued one is ordered by `priority` and `queue_at`, which
    an administrator may move; `queued_at` is when it really came, `passed` how often a later one
    started before it. `attempt` counts the plans handed out, `attempts` the starts since the last
    success; `changed_at` is when the hub was last asked or the server last seen up.
    `save_now` is what the stop that is under way says in place of `save_on_stop`.
    `guarded_image` is the image whose server has asked whom it may let in: only then it is shared.
    """

    __tablename__ = "instances"
    __table_args__ = (
        Index(
            "uq_instances_owner_name",
            "owner",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_instances_created_at_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(30))
    display_name: Mapped[str] = mapped_column(String(100))
    workspace_id: Mapped[str] = mapped_column(String(20), index=True)
    image_id: Mapped[str] = mapped_column(String(20), index=True)
    image_name: Mapped[str] = mapped_column(String(100))
    spec: Mapped[dict[str, Any]]
    resource_group: Mapped[str] = mapped_column(String(40))
    priority: Mapped[int] = mapped_column(default=5)
    code_source: Mapped[str | None] = mapped_column(String(20))
    queued_at: Mapped[datetime | None]
    queue_at: Mapped[datetime | None]
    passed: Mapped[int] = mapped_column(default=0)
    queue_place: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    guarded_image: Mapped[str | None] = mapped_column(String(20))
    ssh: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    endpoints: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    desired: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    percent: Mapped[float | None]
    gpus: Mapped[list[str]] = mapped_column(default=list)
    asked: Mapped[bool] = mapped_column(default=False)
    attempt: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str] = mapped_column(String(64), default="")
    replace: Mapped[bool] = mapped_column(default=False)
    save_on_stop: Mapped[bool] = mapped_column(default=False)
    save_now: Mapped[bool | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class GpuLease(Base):
    """A GPU, or one share of it, that something holds; the primary key makes it exclusive."""

    __tablename__ = "gpu_leases"

    device_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    share: Mapped[int] = mapped_column(primary_key=True)
    holder_id: Mapped[str] = mapped_column(String(20), index=True)


class Snapshot(Base):
    """The act and the record of saving an instance as an image. `automatic`: because it was
    stopped. `restore` is what the instance was, for its image's record."""

    __tablename__ = "snapshots"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    instance_id: Mapped[str] = mapped_column(String(20), index=True)
    workspace_id: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(255), index=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    rate: Mapped[int | None] = mapped_column(BigInteger)
    seconds_left: Mapped[int | None]
    frozen_ms: Mapped[int | None]
    mode: Mapped[str] = mapped_column(String(20), default="consistent")
    exclude: Mapped[list[str]] = mapped_column(default=list)
    full: Mapped[bool] = mapped_column(default=False)
    automatic: Mapped[bool] = mapped_column(default=False)
    tag: Mapped[str | None] = mapped_column(String(128))
    image_id: Mapped[str | None] = mapped_column(String(20))
    parent_id: Mapped[str] = mapped_column(String(20))
    restore: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    cancel: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ImageRecord(Base):
    """What was found out about an image when it was saved: report, restore record, SBOM."""

    __tablename__ = "image_records"

    image_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    snapshot_id: Mapped[str] = mapped_column(String(20))
    report: Mapped[dict[str, Any]]
    restore: Mapped[dict[str, Any]]
    sbom: Mapped[str] = mapped_column(Text, default="")


class ImageTransfer(Base):
    """An image on its way to or from an archive; the file is `<id>.tar` in control's folder."""

    __tablename__ = "image_transfers"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(20), index=True)
    workspace_id: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(255), index=True)
    image_id: Mapped[str | None] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, default="")
    tag: Mapped[str | None] = mapped_column(String(128))
    message: Mapped[str] = mapped_column(Text, default="")
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    size: Mapped[int | None] = mapped_column(BigInteger)
    cancel: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Event(Base):
    """One line of an object's history; ids grow, so they are also the resume point of a stream."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    object_id: Mapped[str] = mapped_column(String(20), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    percent: Mapped[float | None]
    bytes_done: Mapped[int | None] = mapped_column(BigInteger)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
