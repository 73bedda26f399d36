"""Who may do what: the role table. The use cases ask it; nothing else decides."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a member is in a workspace."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    OPERATOR = "operator"
    LABELER = "labeler"
    GUEST = "guest"


class Action(StrEnum):
    """What can be done in a workspace. `.own` actions reach the caller's own objects only."""

    WORKSPACE_READ = "workspace.read"
    SPEC_LIST = "spec.list"
    IMAGE_READ = "image.read"
    IMAGE_DELETE_OWN = "image.delete.own"
    IMAGE_DELETE = "image.delete"
    INSTANCE_USE_OWN = "instance.use.own"
    INSTANCE_READ_ALL = "instance.read.all"
    INSTANCE_MANAGE_ALL = "instance.manage.all"
    SNAPSHOT_OWN = "snapshot.own"


_READ = frozenset({Action.WORKSPACE_READ, Action.SPEC_LIST, Action.IMAGE_READ})
_DEVELOP = _READ | {Action.INSTANCE_USE_OWN, Action.SNAPSHOT_OWN, Action.IMAGE_DELETE_OWN}
_ADMIN = _DEVELOP | {Action.INSTANCE_READ_ALL, Action.INSTANCE_MANAGE_ALL, Action.IMAGE_DELETE}

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.OWNER: _ADMIN,
    Role.ADMIN: _ADMIN,
    Role.DEVELOPER: _DEVELOP,
    Role.OPERATOR: _READ | {Action.INSTANCE_READ_ALL},
    Role.LABELER: _READ,
    Role.GUEST: _READ,
}


def allows(roles: frozenset[Role], action: Action) -> bool:
    """Whether one of the roles permits the action."""
    return any(action in PERMISSIONS[role] for role in roles)
