"""Which images of the catalog somebody sees, and which of them are of use in a workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.images import ImageFilter, Visibility
from dsw.roles import Action
from dsw_control.access import Standing, standings
from dsw_control.auth import Caller
from dsw_control.store.tables import Image, Workspace
from dsw_control.tenancy import workspaces

Clause = ColumnElement[bool]


async def visible(session: AsyncSession, caller: Caller) -> Clause:
    """What the caller may know of: what is public, what their workspaces share, what is their own
    there, and everything in workspaces whose images they manage."""
    if caller.admin:
        return true()
    found = await standings(session, caller)
    here = [key for key, mine in found.items() if Action.IMAGE_READ in mine.actions]
    return or_(
        Image.visibility == Visibility.PUBLIC,
        Image.workspace_id.in_(here)
        & or_(Image.owner == caller.name, Image.visibility == Visibility.WORKSPACE),
        _managed(found),
    )


async def listed(session: AsyncSession, caller: Caller, wanted: ImageFilter) -> list[Clause]:
    """What the catalog shows the caller: visible, asked for, and of use in one of their workspaces
    (or in the one asked for) by its policy. What they own or manage they see all the same."""
    found = await standings(session, caller)
    if wanted.workspace is not None:
        only = await workspaces.find(session, caller, wanted.workspace)
        found = {key: mine for key, mine in found.items() if key == only.id}
    of_use = await _of_use(session, list(found))
    theirs = Image.workspace_id.in_(found) & (Image.owner == caller.name)
    return [
        Image.retired_at.is_(None),
        await visible(session, caller),
        or_(of_use, theirs, _managed(found)),
        *_fitting(wanted),
    ]


def allowed(images: Sequence[str]) -> Clause:
    """What a policy's `images` allow: all when they are empty, else by id or source."""
    return or_(Image.id.in_(images), Image.source.in_(images)) if images else true()


async def _of_use(session: AsyncSession, ids: list[str]) -> Clause:
    query = select(Workspace.id, Workspace.policy).where(Workspace.id.in_(ids))
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, policy in await session.execute(query):
        alike.setdefault(tuple(policy.get("images") or ()), []).append(key)
    offered = [
        and_(or_(Image.visibility == Visibility.PUBLIC, Image.workspace_id.in_(keys)), allowed(by))
        for by, keys in alike.items()
    ]
    return or_(~true(), *offered)


def _managed(found: Mapping[str, Standing]) -> Clause:
    actions = {key: mine.actions | mine.withheld for key, mine in found.items()}
    return Image.workspace_id.in_(
        [key for key, may in actions.items() if Action.IMAGE_CHANGE in may]
    )


def _fitting(wanted: ImageFilter) -> list[Clause]:
    clauses: list[Clause] = []
    if wanted.name is not None:
        clauses.append(Image.name.icontains(wanted.name, autoescape=True))
    for column, value in (
        (Image.source, wanted.source),
        (Image.visibility, wanted.visibility),
        (Image.use, wanted.use),
    ):
        if value is not None:
            clauses.append(column == value)
    for key in ("framework", "python", "cuda", "os"):
        value = getattr(wanted, key)
        if value:
            clauses.append(_has_label(key, value.lower()))
    return clauses


def _has_label(key: str, value: str) -> Clause:
    label = func.lower(Image.labels[key].as_string())
    return or_(
        label == value,
        label.startswith(f"{value}.", autoescape=True),
        label.startswith(f"{value} ", autoescape=True),
    )
