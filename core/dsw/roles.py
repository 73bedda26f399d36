"""Who may do what: the role table. The use cases ask it; nothing else decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

ROLE_NAME = r"^[a-z][a-z0-9-]{0,29}$"


class Role(StrEnum):
    """The built-in roles; a workspace may have more, made of the same actions."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    OPERATOR = "operator"
    LABELER = "labeler"
    GUEST = "guest"


class Action(StrEnum):
    """What can be done in a workspace. `.own` actions reach the caller's own objects only."""

    WORKSPACE_READ = "workspace.read"
    WORKSPACE_CHANGE = "workspace.change"
    POLICY_CHANGE = "policy.change"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    ROLE_MANAGE = "role.manage"
    QUOTA_READ = "quota.read"
    CAP_CHANGE = "cap.change"
    SPEC_LIST = "spec.list"
    IMAGE_READ = "image.read"
    IMAGE_ADD = "image.add"
    IMAGE_CHANGE = "image.change"
    IMAGE_DELETE_OWN = "image.delete.own"
    IMAGE_DELETE = "image.delete"
    CREDENTIAL_MANAGE = "credential.manage"
    CODE_READ = "code.read"
    CODE_ADD = "code.add"
    CODE_MANAGE = "code.manage"
    DATASET_READ = "dataset.read"
    DATASET_ADD = "dataset.add"
    DATASET_WRITE = "dataset.write"
    DATASET_MANAGE = "dataset.manage"
    MOUNT_OWN = "mount.own"
    INSTANCE_USE_OWN = "instance.use.own"
    INSTANCE_SHARE_OWN = "instance.share.own"
    INSTANCE_SSH = "instance.ssh"
    INSTANCE_READ_ALL = "instance.read.all"
    INSTANCE_MANAGE_ALL = "instance.manage.all"
    QUEUE_READ = "queue.read"
    QUEUE_MANAGE = "queue.manage"
    SNAPSHOT_OWN = "snapshot.own"
    USAGE_READ_OWN = "usage.read.own"
    USAGE_READ = "usage.read"
    AUDIT_READ = "audit.read"
    ME_READ = "me.read"
    SSH_KEY_OWN = "ssh-key.own"
    WORKSPACE_CREATE = "workspace.create"
    WORKSPACE_ARCHIVE = "workspace.archive"
    QUOTA_CHANGE = "quota.change"
    IMAGE_PUBLISH = "image.publish"
    DATASET_PUBLISH = "dataset.publish"
    PLATFORM_READ = "platform.read"


PLATFORM: frozenset[Action] = frozenset(
    {
        Action.WORKSPACE_CREATE,
        Action.WORKSPACE_ARCHIVE,
        Action.QUOTA_CHANGE,
        Action.IMAGE_PUBLISH,
        Action.DATASET_PUBLISH,
        Action.PLATFORM_READ,
    }
)
"""What only platform administrators do: no role of a workspace may contain it, so that nobody
raises what their own workspace was given."""

_READ = frozenset(
    {
        Action.ME_READ,
        Action.SSH_KEY_OWN,
        Action.WORKSPACE_READ,
        Action.MEMBER_READ,
        Action.QUOTA_READ,
        Action.SPEC_LIST,
        Action.IMAGE_READ,
        Action.CODE_READ,
        Action.DATASET_READ,
        Action.QUEUE_READ,
        Action.USAGE_READ_OWN,
    }
)
_DEVELOP = _READ | {
    Action.INSTANCE_USE_OWN,
    Action.INSTANCE_SHARE_OWN,
    Action.INSTANCE_SSH,
    Action.SNAPSHOT_OWN,
    Action.IMAGE_ADD,
    Action.IMAGE_DELETE_OWN,
    Action.CODE_ADD,
    Action.DATASET_ADD,
    Action.DATASET_WRITE,
    Action.MOUNT_OWN,
}
_OPERATE = _READ | {Action.INSTANCE_READ_ALL, Action.QUEUE_MANAGE, Action.USAGE_READ}
_ADMIN = (
    _DEVELOP
    | _OPERATE
    | {
        Action.WORKSPACE_CHANGE,
        Action.POLICY_CHANGE,
        Action.MEMBER_MANAGE,
        Action.CAP_CHANGE,
        Action.IMAGE_CHANGE,
        Action.IMAGE_DELETE,
        Action.CREDENTIAL_MANAGE,
        Action.CODE_MANAGE,
        Action.DATASET_MANAGE,
        Action.INSTANCE_MANAGE_ALL,
        Action.AUDIT_READ,
    }
)

PERMISSIONS: dict[Role, frozenset[Action]] = {
    Role.OWNER: _ADMIN | {Action.ROLE_MANAGE},
    Role.ADMIN: _ADMIN,
    Role.DEVELOPER: _DEVELOP,
    Role.OPERATOR: _OPERATE,
    Role.LABELER: _READ | {Action.DATASET_WRITE},
    Role.GUEST: _READ,
}

READ_ONLY: frozenset[Action] = _READ | {
    Action.INSTANCE_READ_ALL,
    Action.USAGE_READ,
    Action.AUDIT_READ,
}
"""What is left of anybody's rights in an archived workspace."""


def actions_of(
    roles: Iterable[str], custom: Mapping[str, frozenset[Action]] | None = None
) -> frozenset[Action]:
    """All that these roles permit together; a role that is in neither table permits nothing."""
    actions: set[Action] = set()
    for role in roles:
        if role in PERMISSIONS:
            actions |= PERMISSIONS[Role(role)]
        elif custom and role in custom:
            actions |= custom[role] - PLATFORM
    return frozenset(actions)
