"""The routes below `{base_url}dsw/api/`, which the Lab extension and the user's own code call.

Every route demands a signed-in user, and a change Jupyter's XSRF token. None counts as activity:
a status bar that asks every few seconds must not keep an idle instance alive.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.utils import url_path_join
from tornado import web

from dsw.names import id_pattern
from dsw_server.checkout import Checkout
from dsw_server.control import Control
from dsw_server.data_handlers import (
    DatasetHandler,
    DatasetsHandler,
    FilesHandler,
    MountHandler,
    MountsHandler,
    PreviewHandler,
)
from dsw_server.handler import Handler
from dsw_server.metrics import Sampler
from dsw_server.snapshot_handlers import (
    CancelHandler,
    ForecastHandler,
    ReportHandler,
    SnapshotHandler,
    SnapshotsHandler,
)

_SNAPSHOT, _DATASET, _MOUNT = (
    f"({id_pattern(kind).strip('^$')})" for kind in ("snap", "ds", "mnt")
)


class MetricsHandler(Handler):
    """CPU, memory and GPU of this instance."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Metrics."""
        metrics = await asyncio.to_thread(self.sampler.sample)
        self.finish(json.dumps(asdict(metrics)))


class CodeHandler(Handler):
    """The code source that this instance was started with."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Progress."""
        self.finish(json.dumps(asdict(self.checkout.progress)))


class InstanceHandler(Handler):
    """The instance that this server is."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """InstanceView."""
        self.finish(await self.control.instance())


def routes(
    control: Control, sampler: Sampler, checkout: Checkout
) -> list[tuple[str, type[Handler], dict[str, Any]]]:
    """Pattern, handler and its arguments, below the server's base URL."""
    sources = {"control": control, "sampler": sampler, "checkout": checkout}
    table: dict[str, type[Handler]] = {
        "metrics": MetricsHandler,
        "code": CodeHandler,
        "instance": InstanceHandler,
        "snapshots": SnapshotsHandler,
        "snapshots/forecast": ForecastHandler,
        f"snapshots/{_SNAPSHOT}": SnapshotHandler,
        f"snapshots/{_SNAPSHOT}/cancel": CancelHandler,
        f"snapshots/{_SNAPSHOT}/report": ReportHandler,
        "datasets": DatasetsHandler,
        f"datasets/{_DATASET}": DatasetHandler,
        f"datasets/{_DATASET}/files": FilesHandler,
        f"datasets/{_DATASET}/preview": PreviewHandler,
        "mounts": MountsHandler,
        f"mounts/{_MOUNT}": MountHandler,
    }
    return [(url_path_join("/dsw/api", path), kind, sources) for path, kind in table.items()]
