"""The typed client of control's REST API, for the CLI and for scripts."""

from __future__ import annotations

from dsw.client.assets import AssetCalls
from dsw.client.capacity import CapacityCalls
from dsw.client.datasets import DatasetCalls
from dsw.client.instances import InstanceCalls
from dsw.client.mounts import MountCalls
from dsw.client.records import RecordCalls
from dsw.client.snapshots import SnapshotCalls
from dsw.client.ssh import SshCalls
from dsw.client.transfers import TransferCalls
from dsw.client.workspaces import WorkspaceCalls

__all__ = ["Client"]


class Client(
    WorkspaceCalls,
    CapacityCalls,
    AssetCalls,
    DatasetCalls,
    InstanceCalls,
    MountCalls,
    SnapshotCalls,
    TransferCalls,
    SshCalls,
    RecordCalls,
):
    """One workbench, as one user: every route of control as a method.

    Lists are read over all pages, or to their first `limit` items. What makes an object may be
    sent twice and makes it once. `if_unchanged` lets a change hold only when the object is as this
    client last read it; else control refuses with status 412.
    """
