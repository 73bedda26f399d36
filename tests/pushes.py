"""Images of a few bytes, pushed to a real registry over its protocol, without an engine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx

DOCKER = "application/vnd.docker"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
INSTANCE = {
    "Entrypoint": ["/usr/bin/tini", "--", "python", "-m", "dsw_server.entry"],
    "Labels": {"dsw.instance": "1"},
}
"""The part of a configuration that lets an image run instances."""

Auth = tuple[str, str] | None


def digest_of(body: bytes) -> str:
    """As registries name content."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def image_config(run: Any = None, os: str = "linux", architecture: str = "amd64") -> bytes:
    """A configuration; `run` is what a container is run by."""
    tree = {"architecture": architecture, "os": os, "rootfs": {"diff_ids": []}}
    return json.dumps(tree | ({} if run is None else {"config": run})).encode()


def manifest_of(config: bytes, *layers: bytes) -> bytes:
    """The manifest of an image."""
    tree = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(f"{DOCKER}.container.image.v1+json", config),
        "layers": [_descriptor(f"{DOCKER}.image.rootfs.diff.tar.gzip", layer) for layer in layers],
    }
    return json.dumps(tree).encode()


def push(registry: str, reference: str, config: bytes, *layers: bytes, auth: Auth = None) -> str:
    """Push an image as `repository:tag`; its digest."""
    repository, _, tag = reference.partition(":")
    with httpx.Client(base_url=f"http://{registry}/v2/{repository}", auth=auth) as http:
        for blob in (config, *layers):
            begun = http.post("/blobs/uploads/")
            assert begun.status_code == 202, begun.text
            url = str(
                httpx.URL(begun.headers["location"]).copy_add_param("digest", digest_of(blob))
            )
            assert http.put(url, content=blob).status_code == 201
        return _put(http, tag, MANIFEST, manifest_of(config, *layers))


def push_index(registry: str, reference: str, images: dict[str, str]) -> str:
    """Push an index of images that are there, by platform and digest; its own digest."""
    repository, _, tag = reference.partition(":")
    with httpx.Client(base_url=f"http://{registry}/v2/{repository}") as http:
        entries = []
        for platform, digest in images.items():
            head = http.head(f"/manifests/{digest}", headers={"Accept": MANIFEST})
            os, _, architecture = platform.partition("/")
            entry = {"mediaType": MANIFEST, "digest": digest}
            entry |= {"size": int(head.headers["content-length"])}
            entries.append(entry | {"platform": {"os": os, "architecture": architecture}})
        tree = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        return _put(http, tag, INDEX, json.dumps(tree).encode())


def delete(registry: str, repository: str, digest: str, auth: Auth = None) -> None:
    """Delete a manifest."""
    url = f"http://{registry}/v2/{repository}/manifests/{digest}"
    assert httpx.delete(url, auth=auth).status_code == 202


def has(registry: str, repository: str, reference: str, auth: Auth = None) -> bool:
    """Whether the registry has this manifest."""
    url = f"http://{registry}/v2/{repository}/manifests/{reference}"
    accept = {"Accept": f"{MANIFEST}, {INDEX}"}
    return httpx.get(url, auth=auth, headers=accept).status_code == 200


def _put(http: httpx.Client, tag: str, kind: str, body: bytes) -> str:
    answer = http.put(f"/manifests/{tag}", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    return digest_of(body)


def _descriptor(kind: str, body: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(body), "digest": digest_of(body)}
