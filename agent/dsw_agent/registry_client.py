"""The registry protocol as far as a snapshot needs it: blobs, mounts and manifests.

Calls that fail in passing are repeated; what a registry says it stored is compared with what was
sent.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import Any

import httpx

from dsw.agent import AgentTarget
from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.interrupts import Interrupts
from dsw_agent.patience import Away, Patience
from dsw_agent.registry_auth import RegistryAuth, is_private

_PASSING = (408, 429, 502, 503, 504)
_GONE = (202, 204, 404, 405)
_TIDYING = 5.0
_FULL = re.compile(r'no space left|disk quota exceeded|"Err":\s*(28|122)\b')
"""Docker's registry tells some errors of its disk by their numbers."""


class Registry:
    """One registry, `host[:port]`; `SnapshotFailed` where it has no TLS and is another machine."""

    def __init__(self, host: str, target: AgentTarget, patience: Patience) -> None:
        self.host = host
        self.patience = patience
        url = httpx.URL(f"{'http' if target.insecure else 'https'}://{host}")
        if not is_private(url):
            raise SnapshotFailed(
                FailureReason.REGISTRY_REFUSED,
                f"The registry {host} is to be used without encryption, and is another machine.",
                "Give it a certificate, and use https.",
            )
        self._auth = RegistryAuth(url, target)
        self._interrupts = Interrupts()
        # Short enough for a second try within the patience.
        timeout = httpx.Timeout(30, connect=5)
        self._http = httpx.Client(base_url=url, auth=self._auth, timeout=timeout)
        self.interrupt = self._interrupts.interrupt

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self, method: str, url: str, allowed: tuple[int, ...], **options: Any
    ) -> httpx.Response:
        """An answer with one of the allowed statuses; `Away` when another try may help, and
        `SnapshotFailed` for any other."""
        options["extensions"] = {"trace": self._interrupts.trace}
        try:
            # Registries send readers of blobs to the store where they lie.
            follow = method in ("GET", "HEAD")
            answer = self._http.request(method, url, follow_redirects=follow, **options)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise Away(
                SnapshotFailed(
                    FailureReason.REGISTRY_UNREACHABLE,
                    f"The registry {self.host} did not answer: {error or type(error).__name__}.",
                    "Save again when it is back.",
                )
            ) from error
        if answer.status_code in allowed:
            return answer
        failure = self.refusal(answer)
        if failure.reason is FailureReason.DISK_FULL:
            raise failure
        if answer.status_code in _PASSING or (answer.status_code == 401 and self._auth.renewable):
            raise Away(failure)
        if answer.status_code >= 500:
            raise Away(failure, answered=True)
        raise failure

    def call(
        self, method: str, url: str, allowed: tuple[int, ...], **options: Any
    ) -> httpx.Response:
        """Ask with patience; only for what may happen twice."""
        patience = (options.pop("patience", None) or self.patience).afresh()
        while True:
            began = patience.clock()
            try:
                return self.ask(method, url, allowed, **options)
            except Away as away:
                patience.wait(away, began)

    def blob_size(
        self, repository: str, digest: str, patience: Patience | None = None
    ) -> int | None:
        """The bytes of a blob of the repository; None when it has no such blob."""
        path = f"/v2/{repository}/blobs/{digest}"
        answer = self.call("HEAD", path, (200, 404), patience=patience)
        if answer.status_code == 404:
            return None
        return int(answer.headers.get("Content-Length", 0))

    def blob(self, repository: str, digest: str) -> bytes:
        """A small blob."""
        content = self.call("GET", f"/v2/{repository}/blobs/{digest}", (200,)).content
        self._compare(f"sha256:{hashlib.sha256(content).hexdigest()}", digest)
        return content

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Make a blob of another repository part of this one; False when that is refused."""
        answer = self.call(
            "POST",
            f"/v2/{repository}/blobs/uploads/",
            (201, 202),
            params={"mount": digest, "from": source},
        )
        if answer.status_code == 202:  # It began an upload instead.
            self.delete(self.location(answer))
        return answer.status_code == 201

    def manifest(self, repository: str, reference: str, accept: str) -> httpx.Response | None:
        """The answer with a manifest or an index; None when there is none."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("GET", path, (200, 404), headers={"Accept": accept})
        if answer.status_code == 404:
            return None
        if reference.startswith("sha256:"):
            self._compare(f"sha256:{hashlib.sha256(answer.content).hexdigest()}", reference)
        return answer

    def put_manifest(self, repository: str, reference: str, media_type: str, body: bytes) -> None:
        """Store a manifest under a tag or its own digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("PUT", path, (201,), content=body, headers={"Content-Type": media_type})
        self.check_digest(answer, f"sha256:{hashlib.sha256(body).hexdigest()}")

    def delete(self, url: str, patience: Patience | None = None) -> bool:
        """Delete where the registry lets it; whether it is gone."""
        with suppress(SnapshotFailed):
            answer = self.call("DELETE", url, _GONE, patience=patience, timeout=_TIDYING)
            return answer.status_code != 405
        return False

    def location(self, answer: httpx.Response) -> str:
        """Where an upload goes on."""
        with suppress(KeyError, httpx.InvalidURL):
            url = answer.request.url.join(answer.headers["Location"])
            if url.host and is_private(url):
                return str(url)
        raise self.failed("gave no address for an upload, or one without encryption")

    def check_digest(self, answer: httpx.Response, digest: str) -> None:
        """`SnapshotFailed` when the registry says that it stored something else."""
        self._compare(answer.headers.get("Docker-Content-Digest", digest), digest)

    def failed(self, what: str) -> SnapshotFailed:
        """A failure that says what the registry did."""
        return SnapshotFailed(FailureReason.REGISTRY_FAILED, f"The registry {self.host} {what}.")

    def refusal(self, answer: httpx.Response) -> SnapshotFailed:
        """What an answer that was not allowed comes to."""
        told = _told(answer)
        if answer.status_code in (401, 403):
            return SnapshotFailed(
                FailureReason.REGISTRY_REFUSED,
                f"The registry {self.host} refused access: {told}.",
                "Check its user name and password, and what that user may write.",
            )
        if answer.status_code == 507 or _FULL.search(answer.text):
            return SnapshotFailed(
                FailureReason.DISK_FULL,
                f"The disk of the registry {self.host} is full.",
                "Delete images that nobody needs there, or give it more room, then save again.",
            )
        return self.failed(f"answered {answer.status_code}: {told}")

    def _compare(self, stored: str, digest: str) -> None:
        if stored != digest:
            raise self.failed(f"has {stored} where it should have {digest}")


def error_codes(answer: httpx.Response) -> set[str]:
    """The registry's own code words for a refusal."""
    try:
        return {str(one["code"]) for one in answer.json()["errors"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _told(answer: httpx.Response) -> str:
    """The registry's own words."""
    try:
        errors = answer.json()["errors"]
        return "; ".join(
            f"{one.get('message', one['code'])} {one.get('detail') or ''}".strip() for one in errors
        )
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:300] or answer.reason_phrase
