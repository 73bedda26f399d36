"""Workspaces with members, made over the API by a platform administrator, for tests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api

from dsw.instances import InstanceState
from dsw_control.store.tables import AuditEntry, Image, Instance

ROLES = ("owner", "admin", "developer", "operator", "labeler", "guest")


async def team(api: Api, name: str = "team", **members: str | list[str]) -> str:
    """Id of a new workspace of `olga` with these members; each has one role, or several."""
    made = await api.ok(ADMIN, "POST", "/workspaces", {"name": name, "owner": "olga"})
    for username, roles in members.items():
        await put(api, ADMIN, name, username, roles)
    return str(made["id"])


async def put(
    api: Api, who: str, workspace: str, username: str, roles: str | list[str], **more: Any
) -> Any:
    """A member with these roles, put by whoever may."""
    body = {"roles": [roles] if isinstance(roles, str) else roles, **more}
    return await api.ok(who, "PUT", f"/workspaces/{workspace}/members/{username}", body)


async def members(api: Api, workspace: str = "team") -> dict[str, list[str]]:
    """The members and their own roles, as a platform administrator sees them."""
    page = await api.ok(ADMIN, "GET", f"/workspaces/{workspace}/members")
    return {item["username"]: item["roles"] for item in page["items"]}


async def create(api: Api, who: str, workspace: str = "team", **more: Any) -> Any:
    """A new instance of the first spec and the first image."""
    body = {"workspace": workspace, "image": await image(api), "spec": "small", **more}
    return await api.ok(who, "POST", "/instances", body)


async def image(api: Api) -> str:
    """Id of the image that the catalog offers first."""
    async with api.control.db.read() as session:
        found = await session.scalar(select(Image.id).where(Image.retired_at.is_(None)))
    assert found
    return found


async def row(api: Api, instance_id: str) -> Instance:
    """The instance as the database has it."""
    async with api.control.db.read() as session:
        return await session.get_one(Instance, instance_id)


async def runs(api: Api, instance_id: str) -> None:
    """It is up, as the reconciler would have it."""
    async with api.control.db.write() as session:
        found = await session.get_one(Instance, instance_id)
        found.state, found.started_at = InstanceState.RUNNING, api.control.clock()


async def audited(api: Api, action: str) -> list[AuditEntry]:
    """The lines of the audit log about what was done of this kind, oldest first."""
    async with api.control.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.action == action, AuditEntry.outcome == "done")
        return list(await session.scalars(query.order_by(AuditEntry.id)))
