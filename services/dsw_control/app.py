"""The ASGI application: routes, errors, and the loops that run beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from dsw import __version__
from dsw.errors import DswError
from dsw_control import problems
from dsw_control.api import capacity as capacity_routes
from dsw_control.api import catalog as catalog_routes
from dsw_control.api import code_sources as code_source_routes
from dsw_control.api import credentials as credential_routes
from dsw_control.api import dataset_files as dataset_file_routes
from dsw_control.api import datasets as dataset_routes
from dsw_control.api import (
    elsewhere,
    instances,
    internal,
    live,
    login,
    records,
    registry_tokens,
    shares,
    snapshots,
)
from dsw_control.api import endpoints as endpoint_routes
from dsw_control.api import gateway as gateway_routes
from dsw_control.api import images as image_routes
from dsw_control.api import mounts as mount_routes
from dsw_control.api import ssh as ssh_routes
from dsw_control.api import transfers as transfer_routes
from dsw_control.api import workspaces as workspace_routes
from dsw_control.api.dependencies import ControlDep
from dsw_control.api.schemas import Health, Problem
from dsw_control.assets import credentials
from dsw_control.assets.image_removal import Discards
from dsw_control.assets.official import OfficialImages
from dsw_control.assets.placed_tags import Tags
from dsw_control.body_limit import BodyLimit
from dsw_control.ca_bundle import write_bundle
from dsw_control.capacity import groups, queue, reaper
from dsw_control.context import Control
from dsw_control.data.mount_worker import MountWorker
from dsw_control.data.upload_worker import LANES, UploadWorker
from dsw_control.loops import every
from dsw_control.oom import OomWatch
from dsw_control.reconcile import Reconciler
from dsw_control.records import denials, idempotency, measuring
from dsw_control.registries import TokenFiles
from dsw_control.requests_log import RequestLog
from dsw_control.share_worker import ShareWorker
from dsw_control.snapshot_worker import SnapshotWorker
from dsw_control.tenancy import identities, run_limits, workspaces
from dsw_control.tenancy.groups import GroupSync, period
from dsw_control.transfer_worker import TransferWorker

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "What was wrong and what to do"}
}


def create_app(control: Control, *, loops: bool = True) -> FastAPI:
    """The application of one control process. `loops=False` leaves the reconcilers out."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await control.db.migrate()
        await workspaces.ensure_default(control)
        await credentials.renew(control)
        await groups.refresh(control)
        write_bundle(control.settings)
        tasks = _start_loops(control) if loops else []
        try:
            yield
        finally:
            control.bus.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await denials.flush(control, everything=True)
            await control.hub.close()
            await control.engine.close()
            await control.db.close()

    prefix = control.settings.service_prefix
    app = FastAPI(
        title="jupyterhub-dsw control",
        version=__version__,
        lifespan=lifespan,
        openapi_url=f"{prefix}api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.control = control
    problems.install(app)
    app.router.routes.extend(_routes(prefix))
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestLog)
    return app


@cache
def _routes(prefix: str) -> list[BaseRoute]:
    """All routes below a prefix. They know no control, and to make them takes long."""
    api = APIRouter(prefix=f"{prefix}api", responses=ERRORS)
    for part in (
        capacity_routes,
        catalog_routes,
        transfer_routes,
        image_routes,
        credential_routes,
        code_source_routes,
        dataset_file_routes,
        dataset_routes,
        workspace_routes,
        instances,
        mount_routes,
        shares,
        ssh_routes,
        endpoint_routes,
        snapshots,
        live,
        records,
    ):
        api.include_router(part.router)
    router = APIRouter()
    router.include_router(api)
    router.include_router(internal.router)
    router.include_router(elsewhere.router)
    router.include_router(gateway_routes.router)
    router.include_router(ssh_routes.downloads, prefix=prefix.rstrip("/"))
    router.include_router(registry_tokens.router, prefix=prefix.rstrip("/"))
    _add_health(router, prefix)
    router.include_router(login.router, prefix=prefix.rstrip("/"))
    return router.routes


def _add_health(router: APIRouter, prefix: str) -> None:
    @router.get(f"{prefix}healthz", include_in_schema=False)
    async def healthz(control: ControlDep) -> Health:
        """Whether database and engine answer; 503 when the database does not."""
        async with control.db.read() as session:
            await session.connection()
        try:
            await control.engine.containers()
            engine = "ok"
        except DswError as error:
            engine = error.message
        return Health(status="ok", database="ok", engine=engine, version=__version__)

    @router.get(prefix.rstrip("/"), include_in_schema=False)
    async def with_slash() -> Response:
        return RedirectResponse(prefix, status_code=302)


def _start_loops(control: Control) -> list[asyncio.Task[None]]:
    reconciler, worker = Reconciler(control), SnapshotWorker(control)
    sharing, transfers = ShareWorker(control), TransferWorker(control)
    mounts = MountWorker(control)
    uploads = UploadWorker(control)

    async def capacity() -> None:
        await groups.refresh(control)

    async def reap() -> None:
        await reaper.reap(control)

    async def take_turns() -> None:
        await queue.turn(control)

    async def forget_keys() -> None:
        await idempotency.forget_old(control)

    return [
        asyncio.create_task(coroutine)
        for coroutine in (
            every(2, reconciler.turn, control.wake),
            every(30, reconciler.sweep),
            every(30, reap),
            every(0.5, worker.turn, control.wake_snapshots),
            every(60, worker.sweep),
            every(2, worker.thaw),
            every(5, TokenFiles(control).turn),
            every(2, sharing.turn),
            every(30, sharing.check),
            every(15, OfficialImages(control).turn),
            every(60, Discards(control).turn, control.wake_discards),
            every(1, transfers.turn, control.wake_transfers),
            every(300, transfers.sweep),
            every(1, mounts.turn, control.wake_mounts),
            every(60, mounts.sweep, control.wake_mount_sweep),
            *(every(1, uploads.turn, control.wake_uploads) for _ in range(LANES)),
            every(300, uploads.sweep),
            every(60, Tags(control).turn, control.wake_tags),
            every(30, capacity),
            every(2, take_turns, control.wake_queue),
            every(3600, forget_keys),
            every(60, partial(denials.flush, control)),
            every(measuring.period(control.settings), partial(measuring.measure, control)),
            every(2, OomWatch(control).turn),
            every(period(control.settings), GroupSync(control).turn),
            every(60, partial(identities.follow, control)),
            every(10, partial(run_limits.enforce, control)),
        )
    ]
