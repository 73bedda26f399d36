"""How a snapshot can end without an image, each with its code word."""

from __future__ import annotations

from enum import StrEnum

from dsw.errors import DswError


class FailureReason(StrEnum):
    """The code words of `AgentReport.reason`."""

    INVALID_REQUEST = "InvalidRequest"
    UPPER_UNREADABLE = "UpperUnreadable"
    UNSUPPORTED_FILE = "UnsupportedFile"
    CHANGED_TOO_MUCH = "ChangedTooMuch"
    NOT_FROZEN = "NotFrozen"
    BASE_ENVIRONMENT = "BaseEnvironment"
    BASE_LAYERS_MISSING = "BaseLayersMissing"
    ENGINE_UNREACHABLE = "EngineUnreachable"
    ENGINE_FAILED = "EngineFailed"
    REGISTRY_UNREACHABLE = "RegistryUnreachable"
    REGISTRY_REFUSED = "RegistryRefused"
    REGISTRY_FAILED = "RegistryFailed"
    DISK_FULL = "DiskFull"
    SECRETS_FOUND = "SecretsFound"
    INTERNAL = "Internal"


class SnapshotFailed(DswError):
    """No image was made; `reason` for programs, the message for people."""

    code = "snapshot_failed"

    def __init__(self, reason: FailureReason, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class Cancelled(Exception):
    """Somebody asked the agent to stop, and it undid what it had begun."""


class Cancellation:
    """A flag that a signal sets and the long loops look at.

    A flag, because an exception out of a signal handler could strike while an image is being
    removed again.
    """

    def __init__(self) -> None:
        self._asked = False

    def ask(self) -> None:
        """Let the next `check` raise."""
        self._asked = True

    def check(self) -> None:
        """Raise `Cancelled` when somebody asked for it."""
        if self._asked:
            raise Cancelled
