"""The host folder through which an instance gets its environment, its code source and its apps,
secrets included.

It is mounted read-only at `/run/dsw`; nothing of it is in the container's own configuration, from
which images and `docker inspect` would show it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from dsw.errors import EngineFailed
from dsw.plan import GID, UID, LaunchPlan

TARGET = "/run/dsw"
TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105  the name of a variable


class RunFolder:
    """`<data_dir>/run/instances/<instance id>`, mode 0700; with `owner` None it stays the hub's."""

    def __init__(
        self, data_dir: str, instance_id: str, owner: tuple[int, int] | None = (UID, GID)
    ) -> None:
        self.path = Path(data_dir).absolute() / "run" / "instances" / instance_id
        self._owner = owner

    def write(self, environment: Mapping[str, str], plan: LaunchPlan) -> None:
        """Put environment, code source and apps there; `EngineFailed` when it cannot be."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            self._give(self.path)
            (self.path / "code").unlink(missing_ok=True)
            if plan.code is not None:
                self._put("code", plan.code.model_dump_json())
            self._put("apps", json.dumps([app.model_dump() for app in plan.apps]))
            self._put("environment", json.dumps(dict(environment)))
        except OSError as error:
            raise EngineFailed(
                f"The instance's environment cannot be written to {self.path}: {error.strerror}.",
                f"The hub has to run as root, or as uid {UID}, to hand it over.",
            ) from error

    def token(self) -> str:
        """The hub token that the running server holds; empty when there is none."""
        try:
            return str(json.loads((self.path / "environment").read_text()).get(TOKEN, ""))
        except (OSError, ValueError):
            return ""

    def clear(self) -> None:
        """Take the secrets away. The folder stays: a kept container mounts it."""
        for name in ("environment", "code", "apps"):
            with contextlib.suppress(OSError):
                (self.path / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _put(self, name: str, text: str) -> None:
        """The file is whole or not there at all, and readable for its owner alone."""
        aside = self.path / f".{name}.new"
        aside.unlink(missing_ok=True)
        aside.touch(mode=0o600)
        aside.write_text(text)
        self._give(aside)
        aside.chmod(0o400)
        aside.replace(self.path / name)

    def _give(self, path: Path) -> None:
        if self._owner and (os.geteuid(), os.getegid()) != self._owner:
            os.chown(path, *self._owner)
