"""Images whose servers misbehave, each named after what it does."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

from tests.dsw_spawners.conftest import IMAGE, docker


@dataclass(frozen=True)
class Misbehaving:
    """An entry point in place of the image's own."""

    name: str
    entrypoint: tuple[str, ...]

    def build(self) -> str:
        """The image's id."""
        return build(f"FROM {IMAGE}\nENTRYPOINT {json.dumps(self.entrypoint)}\nCMD []\n", self.name)


NeverAnswers = Misbehaving(
    "never-answers", ("sh", "-c", "echo waiting for the licence server; exec sleep 600")
)
DiesAfterStart = Misbehaving("dies-after-start", ("sh", "-c", "echo no disk left >&2; exit 3"))
EatsMemory = Misbehaving("eats-memory", ("python3", "-c", "x = b'x' * 2**30"))
CannotRun = Misbehaving("cannot-run", ("/no/such/program",))


def build(dockerfile: str, name: str) -> str:
    """Build an image without a context; the answer is its id."""
    tag = f"dsw-test/{name}:latest"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, "-"],
        input=dockerfile.encode(),
        check=True,
        capture_output=True,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    return docker("image", "inspect", "--format", "{{.Id}}", tag)
