"""The one error tree: every refusal that a person may read, with its HTTP status and its code.

A message says what was wrong; `hint` says what is allowed or what to do next. Errors of Docker,
SQLAlchemy or HTTP libraries are turned into one of these at the border of the module that calls
them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self


class DswError(Exception):
    """Base of all errors that are meant for people.

    `status` is the HTTP status, `code` a stable word for programs.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    workspace_id: str | None = None
    object_id: str = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint

    def about(self, workspace_id: str | None, object_id: str = "") -> Self:
        """This error, of a workspace whose roles stood in the way, and of an object that the path
        does not name: the audit log tells, the answer does not."""
        self.workspace_id, self.object_id = workspace_id, object_id
        return self

    @property
    def sentence(self) -> str:
        """Message and hint as one text."""
        return f"{self.message} {self.hint}".strip()

    def _render_traceback_(self) -> list[str]:
        # What IPython shows in place of a traceback.
        return [f"{type(self).__name__}: {self.sentence}"]

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 problem document of this error."""
        body: dict[str, Any] = {
            "type": f"urn:dsw:error:{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "code": self.code,
            "detail": self.sentence,
        }
        if self.hint:
            body["hint"] = self.hint
        return body


class Invalid(DswError):
    """What the caller sent is malformed or names something that does not exist."""

    status = 422
    code = "invalid"


class NotAuthenticated(DswError):
    """No credential, or one that the hub does not know."""

    status = 401
    code = "not_authenticated"


class Forbidden(DswError):
    """The caller is known and may see the object, but not do this to it."""

    status = 403
    code = "forbidden"


class NotFound(DswError):
    """There is no such object, or the caller may not know that there is."""

    status = 404
    code = "not_found"


class Conflict(DswError):
    """The object is not in a state that allows this."""

    status = 409
    code = "conflict"


class PreconditionFailed(DswError):
    """The object is no longer as the caller saw it (`If-Match`)."""

    status = 412
    code = "precondition_failed"


class QuotaExceeded(DswError):
    """The request would pass a limit."""

    status = 409
    code = "quota_exceeded"


class EngineFailed(DswError):
    """The container engine refused or failed."""

    status = 502
    code = "engine_failed"


class Unavailable(DswError):
    """A part of the workbench does not answer; trying again later may help."""

    status = 503
    code = "unavailable"


class ConfigError(DswError):
    """The configuration file is wrong; the message names the file, the line and the key."""

    status = 500
    code = "config"


class RemoteError(DswError):
    """An error that another process of the workbench answered with; keeps its status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status  # type: ignore[misc]
        self.code = code  # type: ignore[misc]
