"""Real registries on loopback, that can be ended, killed and started again at the same address."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
from tests.polling import eventually
from tests.ports import an_unused_port

CONFIG = """
version: 0.1
http: {{addr: "127.0.0.1:{port}", secret: for-tests-only}}
storage: {{filesystem: {{rootdirectory: "{storage}"}}, delete: {{enabled: true}}}}
log: {{level: error, accesslog: {{disabled: true}}}}
{auth}
"""
ACCEPT = "application/vnd.oci.image.manifest.v1+json, "
ACCEPT += "application/vnd.docker.distribution.manifest.v2+json"


class RegistryServer:
    """A docker-registry with a folder of its own; the secret lets uploads outlive it."""

    def __init__(self, storage: Path, auth: str = "") -> None:
        port = an_unused_port()
        self.address = f"127.0.0.1:{port}"
        self.storage = storage
        self._config = storage.with_name(f"{storage.name}.yml")
        self._config.write_text(CONFIG.format(port=port, storage=storage, auth=auth))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = ["docker-registry", "serve", str(self._config)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, **quiet)
        eventually(self.answers, 30)

    def stop(self) -> None:
        """End it; what is stored stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def answers(self) -> bool:
        """Whether somebody is there."""
        try:
            return httpx.get(f"http://{self.address}/v2/").status_code in (200, 401)
        except httpx.TransportError:
            return False

    def tags(self, repository: str) -> list[str]:
        """The tags of a repository."""
        answer = httpx.get(f"http://{self.address}/v2/{repository}/tags/list")
        return [] if answer.status_code == 404 else answer.json()["tags"] or []

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """The manifest of an image that is there."""
        url = f"http://{self.address}/v2/{repository}/manifests/{reference}"
        answer = httpx.get(url, headers={"Accept": ACCEPT})
        assert answer.status_code == 200, answer.text
        tree: dict[str, Any] = json.loads(answer.content)
        return tree

    def blob(self, repository: str, digest: str) -> bytes:
        """What a repository has under a digest."""
        answer = httpx.get(f"http://{self.address}/v2/{repository}/blobs/{digest}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def uploads(self) -> list[Path]:
        """Uploads that are open."""
        return [path.parent for path in self.storage.glob("**/_uploads/*/data")]

    def purge(self) -> None:
        """Throw away uploads that nobody goes on with, as registries do by themselves after a
        week."""
        for folder in self.uploads():
            shutil.rmtree(folder)

    def revisions(self, repository: str) -> set[str]:
        """Digests of a repository's manifests, tagged or not: what they name is not collected."""
        return self._linked(repository, "_manifests/revisions")

    def links(self, repository: str) -> set[str]:
        """Digests of the blobs that belong to a repository."""
        return self._linked(repository, "_layers")

    def _linked(self, repository: str, kind: str) -> set[str]:
        folder = self.storage / "docker/registry/v2/repositories" / repository / kind / "sha256"
        return {f"sha256:{path.parent.name}" for path in folder.glob("*/link")}
