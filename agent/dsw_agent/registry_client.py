"""The registry protocol as far as a snapshot needs it: blobs, mounts and manifests.

Every answer is checked: registries accept a chunk at a wrong offset, so the answered range is
compared, and so is the digest that the registry says it stored.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import httpx

from dsw.agent import AgentTarget
from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.registry_auth import RegistryAuth

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)


class Registry:
    """One registry, `host[:port]`."""

    def __init__(self, host: str, target: AgentTarget) -> None:
        self.host = host
        scheme = "http" if target.insecure else "https"
        self._http = httpx.Client(
            base_url=f"{scheme}://{host}",
            auth=RegistryAuth(target.username, target.password),
            timeout=httpx.Timeout(120, connect=10),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self, method: str, url: str, allowed: tuple[int, ...], **options: Any
    ) -> httpx.Response:
        """An answer with one of the allowed statuses; `SnapshotFailed` for any other."""
        try:
            answer = self._http.request(method, url, **options)
        except httpx.TransportError as error:
            raise SnapshotFailed(
                FailureReason.REGISTRY_UNREACHABLE,
                f"The registry {self.host} did not answer: {error or type(error).__name__}.",
            ) from error
        if answer.status_code not in allowed:
            raise self._refusal(answer)
        return answer

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the repository holds this blob."""
        path = f"/v2/{repository}/blobs/{digest}"
        return self.call("HEAD", path, (200, 404)).status_code == 200

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Make a blob of another repository part of this one; False when that is refused."""
        answer = self.call(
            "POST",
            f"/v2/{repository}/blobs/uploads/",
            (201, 202),
            params={"mount": digest, "from": source},
        )
        if answer.status_code == 202:  # It began an upload instead.
            Upload(self, repository, answer).abort()
        return answer.status_code == 201

    def upload(self, repository: str) -> Upload:
        """Begin an upload."""
        answer = self.call("POST", f"/v2/{repository}/blobs/uploads/", (202,))
        return Upload(self, repository, answer)

    def manifest(self, repository: str, reference: str) -> tuple[dict[str, Any], str]:
        """A manifest or an index of the base image, and its media type."""
        accept = ", ".join((DOCKER_MANIFEST, OCI_MANIFEST, *INDEXES))
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("GET", path, (200, 404), headers={"Accept": accept})
        if answer.status_code == 404:
            raise SnapshotFailed(
                FailureReason.BASE_LAYERS_MISSING,
                f"The base image {self.host}/{repository}@{reference} is not in the registry.",
                "Push it there again, then save again.",
            )
        tree = answer.json()
        return tree, tree.get("mediaType") or answer.headers.get("Content-Type", "")

    def put_manifest(self, repository: str, reference: str, media_type: str, body: bytes) -> None:
        """Store a manifest under a tag or its own digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.call("PUT", path, (201,), content=body, headers={"Content-Type": media_type})
        self.check_digest(answer, f"sha256:{hashlib.sha256(body).hexdigest()}")

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest where the registry lets it; many do not."""
        with suppress(SnapshotFailed):
            self.call("DELETE", f"/v2/{repository}/manifests/{digest}", (202, 404, 405))

    def check_digest(self, answer: httpx.Response, digest: str) -> None:
        """`SnapshotFailed` when the registry says that it stored something else."""
        stored = answer.headers.get("Docker-Content-Digest", digest)
        if stored != digest:
            raise SnapshotFailed(
                FailureReason.REGISTRY_FAILED,
                f"The registry {self.host} stored {stored} where {digest} was sent.",
            )

    def _refusal(self, answer: httpx.Response) -> SnapshotFailed:
        told = _told(answer)
        if answer.status_code in (401, 403):
            return SnapshotFailed(
                FailureReason.REGISTRY_REFUSED,
                f"The registry {self.host} refused access: {told}.",
                "Check its user name and password, and what that user may write.",
            )
        if "no space left" in told or answer.status_code == 507:
            return SnapshotFailed(
                FailureReason.DISK_FULL, f"The disk of the registry {self.host} is full."
            )
        return SnapshotFailed(
            FailureReason.REGISTRY_FAILED,
            f"The registry {self.host} answered {answer.status_code}: {told}.",
        )


class Upload:
    """A blob on its way into a repository, in chunks, each of them checked."""

    def __init__(self, registry: Registry, repository: str, answer: httpx.Response) -> None:
        self._registry = registry
        self._repository = repository
        self._location = ""
        self._follow(answer)
        self._digest = hashlib.sha256()
        self.size = 0

    def send(self, chunk: list[bytes]) -> None:
        """Append a chunk, given in parts so that it need not be copied together."""
        size = sum(map(len, chunk))
        last = self.size + size - 1
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Content-Range": f"{self.size}-{last}",
        }
        answer = self._registry.call(
            "PATCH", self._location, (202,), content=chunk, headers=headers
        )
        if answer.headers.get("Range", "").removeprefix("bytes=") != f"0-{last}":
            raise SnapshotFailed(
                FailureReason.REGISTRY_FAILED,
                f"The registry {self._registry.host} holds the bytes "
                f"{answer.headers.get('Range', 'unknown')} of a blob where 0-{last} were sent.",
            )
        for part in chunk:
            self._digest.update(part)
        self.size += size
        self._follow(answer)

    def finish(self) -> str:
        """End the upload; the digest of the blob."""
        digest = f"sha256:{self._digest.hexdigest()}"
        # The address may carry a query of its own, which must stay.
        address = str(httpx.URL(self._location).copy_add_param("digest", digest))
        answer = self._registry.call("PUT", address, (201,))
        self._registry.check_digest(answer, digest)
        return digest

    def abort(self) -> None:
        """Throw away what was sent."""
        with suppress(SnapshotFailed):
            self._registry.call("DELETE", self._location, (204, 404, 405))

    def _follow(self, answer: httpx.Response) -> None:
        location = answer.headers.get("Location")
        if not location:
            raise SnapshotFailed(
                FailureReason.REGISTRY_FAILED,
                f"The registry {self._registry.host} gave no address for an upload.",
            )
        self._location = urljoin(str(answer.request.url), location)


def _told(answer: httpx.Response) -> str:
    """The registry's own words."""
    try:
        errors = answer.json()["errors"]
        return "; ".join(
            f"{one.get('message', one['code'])} {one.get('detail') or ''}".strip() for one in errors
        )
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:300] or answer.reason_phrase
