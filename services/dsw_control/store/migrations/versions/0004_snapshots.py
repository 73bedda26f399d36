"""Snapshots that build on each other, what is known of their images, registries of workspaces.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _snapshots()
    op.add_column("workspaces", sa.Column("image_registry", sa.JSON(), nullable=True))
    op.add_column("images", sa.Column("tag", sa.String(length=128), nullable=True))
    placed = sa.Column("placed_tag", sa.String(length=128), nullable=True)
    op.add_column("images", placed)
    op.add_column("images", _no("imported"))
    op.create_index("uq_images_workspace_tag", "images", ["workspace_id", "tag"], unique=True)
    op.add_column("instances", _no("save_on_stop"))
    op.add_column("instances", sa.Column("save_now", sa.Boolean(), nullable=True))
    op.create_table(
        "image_records",
        sa.Column("image_id", sa.String(length=20), nullable=False),
        sa.Column("snapshot_id", sa.String(length=20), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("restore", sa.JSON(), nullable=False),
        sa.Column("sbom", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_image_records")),
    )
    _transfers()


def _snapshots() -> None:
    op.add_column("snapshots", sa.Column("rate", sa.BigInteger(), nullable=True))
    op.add_column("snapshots", sa.Column("seconds_left", sa.Integer(), nullable=True))
    op.add_column("snapshots", sa.Column("frozen_ms", sa.Integer(), nullable=True))
    mode = sa.Column("mode", sa.String(length=20), nullable=False, server_default="consistent")
    op.add_column("snapshots", mode)
    exclude = sa.Column("exclude", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("snapshots", exclude)
    op.add_column("snapshots", _no("full"))
    op.add_column("snapshots", _no("automatic"))
    op.add_column("snapshots", sa.Column("tag", sa.String(length=128), nullable=True))
    op.add_column("snapshots", sa.Column("restore", sa.JSON(), nullable=True))


def _transfers() -> None:
    op.create_table(
        "image_transfers",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("workspace_id", sa.String(length=20), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("image_id", sa.String(length=20), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tag", sa.String(length=128), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_transfers")),
    )
    op.create_index(op.f("ix_image_transfers_owner"), "image_transfers", ["owner"])
    op.create_index(op.f("ix_image_transfers_state"), "image_transfers", ["state"])


def _no(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def downgrade() -> None:
    raise NotImplementedError("Put the backup of the database back instead.")
