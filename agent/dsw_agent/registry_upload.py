"""How a blob gets into a repository in chunks, and goes on after it was interrupted.

Where a connection ends in the middle of a chunk, the registry is asked how much it has. Docker's
own registry does not say so when it stored a part of a chunk: it drops the upload. A first chunk
is then sent again; later ones are lost with what came before them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import httpx

from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.patience import Away, Patience
from dsw_agent.registry_client import Registry, error_codes

CHUNK = 16 * 1024**2
_COMMIT = httpx.Timeout(300, connect=5)
"""A registry may have to copy the whole blob before it answers."""
_UNKNOWN = {"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"}


class UploadLost(SnapshotFailed):
    """The registry forgot an upload; it can only begin anew."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(
            FailureReason.REGISTRY_FAILED,
            f"The registry {registry.host} was interrupted and dropped what it had of a layer.",
            "Save again. If it happens often, see that its http.secret is set.",
        )


class Upload:
    """A blob on its way into a repository; `size` is what the registry has of it."""

    def __init__(self, registry: Registry, repository: str, patience: Patience) -> None:
        self._registry = registry
        self._repository = repository
        self._patience = patience
        self.size = 0
        self._begin(partial(registry.call, patience=patience))

    def send(self, chunk: list[bytes]) -> None:
        """Append a chunk, given in parts so that it need not be copied together."""
        start, end = self.size, self.size + sum(map(len, chunk))
        unsure = False
        while self.size < end:
            began = self._patience.clock()
            try:
                if unsure:
                    self._find(start, end)
                    unsure = False
                else:
                    self._append(_from(chunk, self.size - start), end)
            except Away as away:
                unsure = True
                self._patience.wait(away, began)
        self._patience.restored()

    def finish(self, digest: str) -> None:
        """Make it a blob."""
        while not self._commit(digest):
            pass

    def abort(self, patience: Patience) -> None:
        """Throw away what was sent."""
        self._registry.delete(self._location, patience)

    def _begin(self, ask: Callable[..., httpx.Response]) -> None:
        answer = ask("POST", f"/v2/{self._repository}/blobs/uploads/", (202,))
        self._location = self._registry.location(answer)

    def _append(self, chunk: list[bytes], end: int) -> None:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(end - self.size),
            "Content-Range": f"{self.size}-{end - 1}",
        }
        answer = self._registry.ask(
            "PATCH", self._location, (202, 400, 404, 416), content=chunk, headers=headers
        )
        if answer.status_code != 202:
            failure = self._registry.refusal(answer)
            if answer.status_code == 416 or _lost(answer):
                raise Away(failure, answered=True)
            raise failure
        if _held(answer) != end:
            raise self._registry.failed(
                f"holds the bytes {answer.headers.get('Range', '(unknown)')} of a blob where "
                f"0-{end - 1} were sent"
            )
        self._location = self._registry.location(answer)
        self.size = end

    def _find(self, start: int, end: int) -> None:
        """Learn how much of a chunk the registry has."""
        if start == 0:
            return self._begin_again()
        answer = self._registry.ask("GET", self._location, (200, 204, 400, 404))
        if answer.status_code >= 400 and not _lost(answer):
            raise self._registry.refusal(answer)
        held = _held(answer)
        if answer.status_code >= 400 or not start <= held <= end:
            raise UploadLost(self._registry)
        if "Location" in answer.headers:
            self._location = self._registry.location(answer)
        self.size = held
        return None

    def _begin_again(self) -> None:
        before = self._location
        self._begin(self._registry.ask)
        self._registry.delete(before, Patience(0))
        self.size = 0

    def _commit(self, digest: str) -> bool:
        """Ask for it once; whether it is done."""
        # The address may carry a query of its own, which must stay.
        address = str(httpx.URL(self._location).copy_add_param("digest", digest))
        began = self._patience.clock()
        forgot = False
        try:
            answer = self._registry.ask("PUT", address, (201, 400, 404), timeout=_COMMIT)
        except Away as away:
            self._patience.wait(away, began)
        else:
            if answer.status_code == 201:
                self._registry.check_digest(answer, digest)
                return True
            forgot = _lost(answer)
            if not forgot:
                raise self._registry.refusal(answer)
        # An answer may have been lost, and then this was one too many.
        if self._registry.blob_size(self._repository, digest, self._patience) == self.size:
            return True
        if forgot:
            raise UploadLost(self._registry)
        return False


def _held(answer: httpx.Response) -> int:
    """How many bytes the registry says it has; -1 when it says nothing."""
    _, dash, last = answer.headers.get("Range", "").removeprefix("bytes=").partition("-")
    return int(last) + 1 if dash and last.isdecimal() else -1


def _lost(answer: httpx.Response) -> bool:
    return answer.status_code == 404 or bool(error_codes(answer) & _UNKNOWN)


def _from(chunk: list[bytes], offset: int) -> list[bytes]:
    """What is left of a chunk after its first bytes."""
    rest: list[bytes] = []
    for part in chunk:
        rest += [part[offset:]] if offset < len(part) else []
        offset = max(0, offset - len(part))
    return rest
