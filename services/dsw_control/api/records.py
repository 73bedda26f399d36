"""Routes of reports of use and of the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from dsw.audit import AuditQuery, AuditView
from dsw.roles import Action
from dsw.usage import StorageQuery, StorageReport, UsageLine, UsageQuery, UsageReport
from dsw_control.api.dependencies import CallerDep, ControlDep, does
from dsw_control.api.schemas import Page
from dsw_control.records.audit_log import export_audit, list_audit
from dsw_control.records.export import csv_text
from dsw_control.records.folders import storage_report
from dsw_control.records.usage import usage_report
from dsw_control.store.paging import PageRequest

router = APIRouter(tags=["records"])


class AuditPageQuery(AuditQuery, PageRequest):
    """Which lines, and which page of them."""


CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("/usage", **does(Action.USAGE_READ_OWN))
async def get_usage(
    control: ControlDep, caller: CallerDep, query: Annotated[UsageQuery, Query()]
) -> UsageReport:
    """Hours of use between two moments: your own, or a workspace's with `usage.read`."""
    return await usage_report(control, caller, query)


@router.get(
    "/usage.csv", response_class=StreamingResponse, responses=CSV, **does(Action.USAGE_READ_OWN)
)
async def get_usage_csv(
    control: ControlDep, caller: CallerDep, query: Annotated[UsageQuery, Query()]
) -> StreamingResponse:
    """The same as CSV."""
    report = await usage_report(control, caller, query)

    async def lines() -> AsyncIterator[list[UsageLine]]:
        yield report.lines

    return _csv(csv_text(list(UsageLine.model_fields), lines()), "usage")


@router.get("/storage", **does(Action.USAGE_READ_OWN))
async def get_storage(
    control: ControlDep, caller: CallerDep, query: Annotated[StorageQuery, Query()]
) -> StorageReport:
    """What homes and shared folders hold and may hold: your own, or all with `usage.read`."""
    return await storage_report(control, caller, query)


@router.get("/audit", **does(Action.AUDIT_READ))
async def get_audit(
    control: ControlDep, caller: CallerDep, query: Annotated[AuditPageQuery, Query()]
) -> Page[AuditView]:
    """The audit log of a workspace, newest first; without one the whole, for administrators."""
    page = PageRequest(limit=query.limit, cursor=query.cursor)
    items, following = await list_audit(control, caller, query, page)
    return Page(items=items, next=following)


@router.get(
    "/audit.csv", response_class=StreamingResponse, responses=CSV, **does(Action.AUDIT_READ)
)
async def get_audit_csv(
    control: ControlDep, caller: CallerDep, query: Annotated[AuditQuery, Query()]
) -> StreamingResponse:
    """All of it as CSV."""
    batches = await export_audit(control, caller, query)
    return _csv(csv_text(list(AuditView.model_fields), batches), "audit")


def _csv(lines: AsyncIterator[str], name: str) -> StreamingResponse:
    """A file to keep, sent while it is made."""
    return StreamingResponse(
        lines,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
