"""Workspaces that teams share: roles, quotas, the queue, the catalog, shares, audit.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GROUP = "local"
"""The resource group of all that was before there were any."""

ACTIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    _new_tables()
    _members()
    _allocations()
    _workspaces()
    _images()
    _append_only()


def downgrade() -> None:
    raise NotImplementedError("Put the backup of the database back instead.")


def _rows(table: str) -> list[sa.RowMapping]:
    return list(op.get_bind().execute(sa.text(f"SELECT * FROM {table}")).mappings())  # noqa: S608


def _read_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _members() -> None:
    """One row per role becomes one row per member."""
    roles: dict[tuple[str, str], list[str]] = {}
    for row in _rows("members"):
        roles.setdefault((row["workspace_id"], row["username"]), []).append(row["role"])
    op.drop_table("members")
    table = op.create_table(
        "members",
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("group_roles", sa.JSON(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "username", name=op.f("pk_members")),
    )
    op.create_index(op.f("ix_members_username"), "members", ["username"])
    now = datetime.now(UTC)
    members = [
        {
            "workspace_id": workspace,
            "username": username,
            "roles": sorted(names),
            "group_roles": [],
            "disabled": False,
            "added_by": "control",
            "added_at": now,
        }
        for (workspace, username), names in roles.items()
    ]
    op.bulk_insert(table, members)
    users = sa.table("users", sa.column("name"), sa.column("seen_at", sa.DateTime(timezone=True)))
    names = sorted({username for _, username in roles})
    op.bulk_insert(users, [{"name": name, "seen_at": now} for name in names])


def _allocations() -> None:
    """What was admitted holds its resources by a row of its own from now on."""
    leases = _rows("gpu_leases")
    op.drop_table("gpu_leases")
    table = op.create_table(
        "gpu_leases",
        sa.Column("device_id", sa.String(length=100), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "share", name=op.f("pk_gpu_leases")),
    )
    op.create_index(op.f("ix_gpu_leases_holder_id"), "gpu_leases", ["holder_id"])
    kept = [
        {"device_id": row["device_id"], "share": 0, "holder_id": row["instance_id"]}
        for row in leases
    ]
    op.bulk_insert(table, kept)
    held = [_allocation(row) for row in _rows("instances") if row["admitted"]]
    op.bulk_insert(_ALLOCATIONS, held)
    with op.batch_alter_table("instances") as batch:
        batch.add_column(
            sa.Column("resource_group", sa.String(length=40), nullable=False, server_default=GROUP)
        )
        batch.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="5"))
        batch.add_column(sa.Column("code_source", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("queued_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("queue_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("passed", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("queue_place", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("guarded_image", sa.String(length=20), nullable=True))
        batch.create_index("ix_instances_created_at_id", ["created_at", "id"])
        batch.drop_column("admitted")


_ALLOCATIONS = sa.table(
    "allocations",
    *(
        sa.column(name)
        for name in (
            "holder_id",
            "kind",
            "workspace_id",
            "resource_group",
            "owner",
            "priority",
            "cpu",
            "memory",
            "gpu",
            "gpu_type",
        )
    ),
    sa.column("started_at", sa.DateTime(timezone=True)),
)


def _allocation(row: sa.RowMapping) -> dict[str, Any]:
    spec = _read_json(row["spec"])
    return {
        "holder_id": row["id"],
        "kind": "instance",
        "workspace_id": row["workspace_id"],
        "resource_group": GROUP,
        "owner": row["owner"],
        "priority": 5,
        "cpu": spec["cpu"],
        "memory": spec["memory"],
        "gpu": spec["gpu"],
        "gpu_type": spec["gpu_type"],
        "started_at": datetime.now(UTC),
    }


def _workspaces() -> None:
    """`sudo` is part of the policy, and the quota belongs to a resource group; 0 meant no limit."""
    rows = _rows("workspaces")
    with op.batch_alter_table("workspaces") as batch:
        batch.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("policy", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
        batch.drop_column("quota")
        batch.drop_column("sudo")
    workspaces = sa.table("workspaces", sa.column("id"), sa.column("policy", sa.JSON()))
    quotas = sa.table(
        "workspace_quotas",
        sa.column("workspace_id"),
        sa.column("resource_group"),
        sa.column("quota", sa.JSON()),
    )
    for row in rows:
        op.execute(
            workspaces.update()
            .where(workspaces.c.id == row["id"])
            .values(policy={"sudo": bool(row["sudo"])})
        )
        old = _read_json(row["quota"])
        limits = {name: old[name] for name in ("instances", "cpu", "memory") if old.get(name)}
        each = old.get("instances_per_user")
        quota = {"limits": limits, "per_member": {"instances": each} if each else {}}
        op.bulk_insert(
            quotas, [{"workspace_id": row["id"], "resource_group": GROUP, "quota": quota}]
        )


def _images() -> None:
    with op.batch_alter_table("images") as batch:
        batch.add_column(
            sa.Column("visibility", sa.String(length=10), nullable=False, server_default="public")
        )
        batch.add_column(sa.Column("labels", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(
            sa.Column("platform", sa.String(length=64), nullable=False, server_default="")
        )
        batch.add_column(
            sa.Column("use", sa.String(length=10), nullable=False, server_default="unknown")
        )
        batch.add_column(sa.Column("credential", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("place", sa.Integer(), nullable=False, server_default="1000"))
        batch.add_column(
            sa.Column("discard", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.create_index(batch.f("ix_images_parent_id"), ["parent_id"])
        batch.create_index(batch.f("ix_images_workspace_id"), ["workspace_id"])
    images = sa.table(
        "images", *(sa.column(name) for name in ("source", "workspace_id", "visibility", "use"))
    )
    # Until now an image of a workspace was its owner's alone, and a saved one ran an instance.
    op.execute(
        images.update().where(images.c.workspace_id.is_not(None)).values(visibility="private")
    )
    op.execute(images.update().where(images.c.source == "snapshot").values(use="instance"))


def _new_tables() -> None:
    op.create_table(
        "allocations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("holder_id", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("resource_group", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("cpu", sa.Double(), nullable=False),
        sa.Column("memory", sa.BigInteger(), nullable=False),
        sa.Column("gpu", sa.Integer(), nullable=False),
        sa.Column("gpu_type", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
    )
    op.create_index(
        "ix_allocations_held",
        "allocations",
        ["resource_group", "workspace_id", "owner"],
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
    op.create_index(op.f("ix_allocations_holder_id"), "allocations", ["holder_id"])
    op.create_index(
        "ix_allocations_workspace_started", "allocations", ["workspace_id", "started_at"]
    )
    op.create_index(
        "uq_allocations_holder",
        "allocations",
        ["holder_id"],
        unique=True,
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )

    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=255), nullable=True),
        sa.Column("platform_admin", sa.Boolean(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.String(length=300), nullable=False),
        sa.Column("workspace_id", sa.String(length=20), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_actor", "audit_log", ["actor", "id"])
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])
    op.create_index("ix_audit_log_object_id", "audit_log", ["object_id", "id"])
    op.create_index("ix_audit_log_workspace_id", "audit_log", ["workspace_id", "id"])

    op.create_table(
        "code_sources",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.Column("directory", sa.String(length=200), nullable=False),
        sa.Column("credential", sa.String(length=20), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_sources")),
    )
    op.create_index(op.f("ix_code_sources_workspace_id"), "code_sources", ["workspace_id"])

    op.create_table(
        "credentials",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
    )
    op.create_index(op.f("ix_credentials_workspace_id"), "credentials", ["workspace_id"])

    op.create_table(
        "custom_roles",
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_custom_roles")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("username", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])

    op.create_table(
        "resource_groups",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("capacity", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_resource_groups")),
    )
    op.create_table(
        "share_grants",
        sa.Column("instance_id", sa.String(length=20), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("instance_id", "username", name=op.f("pk_share_grants")),
    )
    op.create_table(
        "shares",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("instance_id", sa.String(length=20), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("access", sa.String(length=10), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
    )
    op.create_index("uq_shares_instance_user", "shares", ["instance_id", "username"], unique=True)

    op.create_table(
        "storage_use",
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "owner", name=op.f("pk_storage_use")),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_table(
        "workspace_quotas",
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("resource_group", sa.String(length=40), nullable=False),
        sa.Column("quota", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "resource_group", name=op.f("pk_workspace_quotas")),
    )


def _append_only() -> None:
    """The audit log refuses every change; an insert that replaces a line is one in SQLite."""
    if op.get_bind().dialect.name == "sqlite":
        for when, condition in (
            ("UPDATE", "1"),
            ("DELETE", "1"),
            ("INSERT", "EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)"),
        ):
            op.execute(
                f"CREATE TRIGGER audit_log_keeps_{when.lower()} BEFORE {when} ON audit_log "
                f"WHEN {condition} BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'the audit log is append-only' "
        "USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log()"
    )
