"""Members by groups: what the hub's groups say, as the mappings of `dsw.toml` read it."""

from __future__ import annotations

import structlog
from sqlalchemy import Text, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import DswError
from dsw.roles import Action, Role
from dsw.settings import Settings
from dsw_control.context import Control
from dsw_control.records.audit import CONTROL, record
from dsw_control.store.tables import Member, Workspace
from dsw_control.tenancy.departures import Ended, after_change, announce
from dsw_control.tenancy.members import custom_roles
from dsw_control.tenancy.workspaces import by_name

log = structlog.get_logger()

Wanted = dict[str, list[str]]
"""Roles by user name."""

_BY_GROUP = cast(Member.group_roles, Text) != "[]"


def period(settings: Settings) -> float:
    """Seconds between two looks: who leaves a group is to lose what is open within five, and the
    stop of an instance takes some of them. Without mappings only what older ones left is undone."""
    return 1.5 if settings.group_mappings else 3600


class GroupSync:
    """Keeps `Member.group_roles` as the groups are. What is wrong in a mapping is told once."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._told: set[str] = set()

    async def turn(self) -> None:
        """Ask the hub for the mapped groups, and write down what has changed.

        While the hub does not answer all members stay as they are.
        """
        groups = {mapping.group for mapping in self._control.settings.group_mappings}
        try:
            users = {name: await self._control.hub.group(name) for name in sorted(groups)}
        except DswError as error:
            log.warning("groups not readable", error=error.sentence)
            return
        wanted = await self._wanted(users)
        async with self._control.db.read() as session:
            now: dict[str, Wanted] = {}
            for row in await session.scalars(select(Member).where(_BY_GROUP)):
                now.setdefault(row.workspace_id, {})[row.username] = row.group_roles
        for workspace_id in sorted(wanted.keys() | now.keys()):
            if wanted.get(workspace_id, {}) != now.get(workspace_id, {}):
                await self._apply(workspace_id, wanted.get(workspace_id, {}))

    async def _wanted(self, users: dict[str, frozenset[str]]) -> dict[str, Wanted]:
        """The roles by group, by workspace id and user name."""
        wanted: dict[str, Wanted] = {}
        for mapping in self._control.settings.group_mappings:
            async with self._control.db.read() as session:
                workspace = await by_name(session, mapping.workspace)
                if workspace is None:
                    self._tell("mapped workspace does not exist", mapping.workspace)
                    continue
                known = {role.value for role in Role} | set(
                    await custom_roles(session, workspace.id)
                )
            for role in set(mapping.roles) - known:
                self._tell("mapped role does not exist", f"{mapping.workspace}: {role}")
            of_workspace = wanted.setdefault(workspace.id, {})
            for name in users[mapping.group]:
                of_workspace[name] = sorted({*of_workspace.get(name, []), *mapping.roles})
        return wanted

    def _tell(self, what: str, name: str) -> None:
        if name not in self._told:
            self._told.add(name)
            log.warning(what, name=name)

    async def _apply(self, workspace_id: str, wanted: Wanted) -> None:
        control = self._control
        ended: Ended = []
        async with control.db.write() as session:
            workspace = await session.get(Workspace, workspace_id, with_for_update=True)
            if workspace is None:
                return
            rows = await session.scalars(
                select(Member).where(
                    Member.workspace_id == workspace_id,
                    or_(_BY_GROUP, Member.username.in_(wanted)),
                )
            )
            members = {row.username: row for row in rows}
            for name in sorted(members.keys() | wanted.keys()):
                row = members.get(name) or _new(session, control, workspace_id, name)
                roles = wanted.get(name, [])
                if row.group_roles == roles:
                    continue
                row.group_roles = roles
                # A disabled one stays, or leaving a group and coming back would let them in.
                if not (roles or row.roles or row.disabled):
                    await session.delete(row)
                target = (name, workspace_id)
                record(session, control, None, Action.MEMBER_MANAGE, target, group_roles=roles)
                ended += await after_change(session, control, workspace, name)
        announce(control, ended)


def _new(session: AsyncSession, control: Control, workspace_id: str, name: str) -> Member:
    row = Member(
        workspace_id=workspace_id,
        username=name,
        roles=[],
        group_roles=[],
        disabled=False,
        added_by=CONTROL,
        added_at=control.clock(),
    )
    session.add(row)
    return row
