"""Routes of code sources."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from dsw.code_sources import CodeSourceCreate, CodeSourceView
from dsw.names import id_pattern
from dsw.roles import Action
from dsw.workspaces import ONE_LINE
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.assets import code_sources

router = APIRouter(prefix="/code-sources", tags=["code sources"])

CodeSourceId = Annotated[str, Path(pattern=id_pattern("code"))]


@router.get("", **does(Action.CODE_READ))
async def list_code_sources(
    control: ControlDep,
    caller: CallerDep,
    page: PageDep,
    workspace: Annotated[str | None, Query(max_length=64, description="Id or name.")] = None,
    name: Annotated[
        str | None, Query(max_length=100, pattern=ONE_LINE, description="A part of the name.")
    ] = None,
) -> Page[CodeSourceView]:
    """The repositories that your instances may be started with, by name."""
    items, following = await code_sources.list_code_sources(control, caller, workspace, name, page)
    return Page(items=items, next=following)


@router.post("", status_code=201, **does(Action.CODE_ADD))
async def create_code_source(
    control: ControlDep,
    caller: CallerDep,
    body: CodeSourceCreate,
    once: OnceDep,
    response: Response,
) -> CodeSourceView:
    """Register a repository. Only who manages credentials may name one for it."""
    return tagged(response, await code_sources.create_code_source(control, caller, body, once))


@router.get("/{code_source_id}", **does(Action.CODE_READ))
async def get_code_source(
    control: ControlDep, caller: CallerDep, code_source_id: CodeSourceId, response: Response
) -> CodeSourceView:
    """One code source."""
    found = await code_sources.get_code_source(control, caller, code_source_id)
    return tagged(response, found)


@router.delete("/{code_source_id}", status_code=204, **does(Action.CODE_ADD))
async def delete_code_source(
    control: ControlDep,
    caller: CallerDep,
    code_source_id: CodeSourceId,
    if_match: IfMatch = None,
) -> None:
    """Forget one that no instance names: yours, or any as an admin."""
    await code_sources.delete_code_source(control, caller, code_source_id, if_match)
