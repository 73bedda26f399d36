"""What a workspace's policy says of a start, and what a policy may say."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, Invalid
from dsw.images import ImageSource
from dsw.roles import Action, Role
from dsw.specs import Spec
from dsw.workspaces import Policy
from dsw_control.access import standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import CustomRole, Image, Member, Workspace


async def check_start(
    session: AsyncSession,
    owner: str,
    workspace: Workspace,
    spec: Spec,
    image: Image,
    priority: int | None = None,
) -> None:
    """Whether `owner` may run this here now; `Forbidden` or `Conflict` with a sentence if not.

    `priority` is what was asked for this time; None: an administrator may have raised it, so it is
    not looked at. The member's row is locked, so that a removal and a start never miss each other.
    """
    await session.scalar(
        select(Member)
        .where(Member.workspace_id == workspace.id, Member.username == owner)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    await session.refresh(workspace, ["archived_at"])
    if workspace.archived_at is not None:
        raise Conflict(
            f"The workspace {workspace.name!r} is archived and read-only.",
            "A platform administrator can open it again.",
        )
    found = await standing(session, Caller(name=owner), workspace.id)
    if not found.roles:
        raise Forbidden(
            f"{owner!r} is not a member of the workspace {workspace.name!r}, or is disabled there.",
            "Ask one of its admins.",
        ).about(workspace.id)
    if Action.INSTANCE_USE_OWN not in found.actions:
        raise Forbidden(
            f"The role of {owner!r} in the workspace {workspace.name!r} "
            f"({', '.join(sorted(found.roles))}) does not allow running instances.",
            "Ask one of its admins.",
        ).about(workspace.id)
    check_choice(Policy.model_validate(workspace.policy), found.roles, spec, image, priority)


def check_choice(
    policy: Policy, roles: frozenset[str], spec: Spec, image: Image, priority: int | None
) -> None:
    """`Forbidden` when the policy does not allow a member with these roles what they chose."""
    check_image(policy, image)
    specs = policy.allowed_specs(roles)
    if specs is not None and spec.name not in specs:
        raise Forbidden(
            f"Your role in this workspace does not allow the spec {spec.name!r}.",
            f"It allows: {', '.join(sorted(specs)) or 'none'}.",
        )
    if priority is not None:
        check_priority(policy, roles, priority)


def check_priority(policy: Policy, roles: frozenset[str], priority: int) -> None:
    """`Forbidden` when a member with these roles may not ask for this priority."""
    highest = policy.highest_priority(roles)
    if priority > highest:
        raise Forbidden(
            f"Priority {priority} is above what your role in this workspace may ask for.",
            f"Ask for {highest} or less.",
        )


def check_image(policy: Policy, image: Image) -> None:
    """`Forbidden` when instances of the workspace may not start from the image."""
    if policy.images and image.id not in policy.images and image.source not in policy.images:
        raise Forbidden(
            f"The image {image.name!r} is not allowed in this workspace.",
            f"Its policy allows: {', '.join(policy.images)}.",
        )


async def check_policy(
    session: AsyncSession, control: Control, workspace_id: str, policy: Policy
) -> None:
    """`Invalid` when a policy names an image, a spec or a role that there is not."""
    sources = {source.value for source in ImageSource}
    ids = set(policy.images) - sources
    found = await session.scalars(
        select(Image.id).where(
            Image.id.in_(ids),
            Image.retired_at.is_(None),
            or_(Image.workspace_id.is_(None), Image.workspace_id == workspace_id),
        )
    )
    _all_known("image", ids, set(found), f"Name catalog ids, or {', '.join(sorted(sources))}.")
    specs = {spec.name for spec in control.settings.specs}
    named = {name for names in policy.specs.values() for name in names}
    _all_known("spec", named, specs, f"Choose among: {', '.join(sorted(specs))}.")
    custom = await session.scalars(
        select(CustomRole.name).where(CustomRole.workspace_id == workspace_id)
    )
    roles = {role.value for role in Role} | set(custom)
    asked = {*policy.specs, *policy.max_priority}
    _all_known("role", asked, roles, f"Choose among: {', '.join(sorted(roles))}.")


def _all_known(what: str, asked: set[str], known: set[str], hint: str) -> None:
    unknown = sorted(asked - known)
    if unknown:
        raise Invalid(f"The policy names the {what} {unknown[0]!r}, which there is not.", hint)
