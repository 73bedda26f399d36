"""What the hub grants to whom, scopes and roles as data, and its own pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVICE = "dsw"

TEMPLATES = Path(__file__).with_name("templates")
"""Pages that take the place of the hub's."""

CUSTOM_SCOPES = {
    "custom:dsw:instance": {
        "description": "Do for the owner of this one server what its extensions offer: "
        "read its state, save it as an image.",
    }
}

SERVER_TOKEN_SCOPES = [
    "users:activity!user",
    "access:servers!server",
    "custom:dsw:instance!server",
]
"""All that the token inside an instance can do; the hub insists on the first."""

CONTROL_SCOPES = [
    "list:users",
    "read:groups",
    "read:roles:users",
    "read:servers",
    "start:servers",
    "delete:servers",
    "shares",
    f"access:services!service={SERVICE}",
]
"""Start, stop, delete, list and share servers, say whether a user is an administrator, and who is
in a group.

`shares` contains `access:servers`: the hub lets nobody give what they do not have. Not in it:
server state, tokens, changing users.
"""

ROLES = [
    {
        "name": "dsw-control",
        "description": "The control service",
        "services": [SERVICE],
        "scopes": CONTROL_SCOPES,
    },
    {
        "name": "user",
        "description": "What every user may do",
        "scopes": ["self", f"access:services!service={SERVICE}", "custom:dsw:instance!user"],
    },
]

SPAWNERS = {
    "docker": "dsw_spawners.docker.WorkspaceDockerSpawner",
    "process": "dsw_spawners.process.WorkspaceProcessSpawner",
}


def control_service(url: str, token: str) -> dict[str, Any]:
    """The hub's entry of control: a process of its own, which the hub does not start."""
    return {
        "name": SERVICE,
        "url": url,
        "api_token": token,
        "oauth_no_confirm": True,
        "display": True,
    }


def apply(config: Any, traits: Mapping[str, Mapping[str, Any]]) -> None:
    """Set the operator's own traits, by class and name."""
    for class_name, values in traits.items():
        for name, value in values.items():
            setattr(config[class_name], name, value)
