"""Where the chain's datasets lie, and what tests ask of mounts: the API's view of them, the
instance's, and the host's."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.git_servers import GitServer
from tests.object_stores import ACCESS_KEY_ID, SECRET, ObjectStoreServer
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker, mounted_below, shared_folder

from dsw.names import container_name
from dsw.node_mounts import INSTANCES, SOURCES

MOUNT_SECONDS = 60
BUCKET = "data"

CLASSES = """
[[storage_classes]]
name = "nas"
kind = "host"
root = "{nas}"
writable = true

[[storage_classes]]
name = "archive"
kind = "host"
root = "{nas}-archive"

[[storage_classes]]
name = "theirs"
kind = "host"
root = "{nas}-theirs"
workspaces = ["nobody-here"]

[[storage_classes]]
name = "objects"
kind = "s3"
endpoint = "{store}"
bucket = "data"
prefix = "team"
access_key_id = "{key}"
writable = true
"""
"""A host directory that may be written, one that may not, one of another workspace, and a part of a
bucket. Beside the first lies `<nas>-secret`, in no class."""


@dataclass
class DataBed:
    """The workbench, and what its storage classes lead to."""

    bench: TestBench
    nas: Path
    store: ObjectStoreServer

    @classmethod
    def settings(cls, nas: Path, store: ObjectStoreServer) -> str:
        """What `dsw.toml` says of storage."""
        return CLASSES.format(nas=nas, store=store.url, key=ACCESS_KEY_ID)

    def prepare(self) -> None:
        """The folders, the bucket and the secret of its class; before the workbench is up."""
        for suffix in ("", "-archive", "-theirs", "-secret"):
            folder = Path(f"{self.nas}{suffix}")
            folder.mkdir(parents=True)
            (folder / "whose").write_text(folder.name)
        secrets = self.bench.data / "secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        (secrets / "storage-objects").write_text(SECRET)
        (secrets / "storage-objects").chmod(0o600)
        self.store.bucket(BUCKET)

    @property
    def shared(self) -> Path:
        """The node's folder whose mounts instances see."""
        return shared_folder(self.bench.installation)

    def folder(self, name: str, **files: str) -> str:
        """A folder on the NAS that instances may write, with these files; its URI."""
        folder = self.nas / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text)
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, 1000, 1000)
        return f"file://{folder}"

    def objects(self, prefix: str, **objects: str) -> str:
        """Objects below a prefix of the class's part of the bucket; the URI."""
        for key, text in objects.items():
            self.store.put(BUCKET, f"team/{prefix}/{key}", text)
        return f"s3://{BUCKET}/team/{prefix}"

    def repository(self, server: GitServer, name: str, **files: str) -> str:
        """A repository with a commit of these files; its URI."""
        return f"git+{server.repository(name, files)}"

    def dataset(self, user: User, name: str, uri: str, **body: Any) -> str:
        """A dataset of the user's; its id."""
        answer = user.http.post("datasets", json={"name": name, "uri": uri, **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def ask(self, user: User, item: Any, dataset: str, **body: Any) -> str:
        """Ask for a mount while the instance runs; its id."""
        path = f"instances/{item['id']}/mounts"
        answer = user.http.post(path, json={"dataset": dataset, **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def mount(self, user: User, item: Any, dataset: str, **body: Any) -> Any:
        """A dataset mounted while the instance runs."""
        return self.wait(user, item, self.ask(user, item, dataset, **body), "Mounted")

    def wait(self, user: User, item: Any, mount: str, state: str, seconds: float = 60) -> Any:
        """A mount, once it is in this state; what it is instead, when it is not."""
        seen: list[Any] = []

        def look() -> Any:
            answer = user.http.get(f"instances/{item['id']}/mounts/{mount}")
            seen[:] = [answer.json()]
            return seen[0] if seen[0].get("state") == state else None

        try:
            return eventually(look, seconds)
        except AssertionError as error:
            raise AssertionError(f"not {state}: {seen}") from error

    def unmount(self, user: User, item: Any, mount: Any, force: bool = False) -> None:
        """Take a mount away, and see that it is gone inside."""
        path = f"instances/{item['id']}/mounts/{mount['id']}"
        answer = user.http.delete(path, params={"force": force})
        assert answer.status_code == 202, answer.text
        eventually(lambda: mount["target"] not in self.inside(item), MOUNT_SECONDS)

    def mounts_of(self, user: User, item: Any) -> list[Any]:
        """The mounts of an instance that have not ended."""
        found = user.get(f"instances/{item['id']}/mounts")["items"]
        return [each for each in found if each["ended_at"] is None]

    def read(self, item: Any, path: str) -> str:
        """A file as its user sees it in the instance."""
        return self.bench.execute(item, "cat", path)

    def attempt(self, item: Any, *command: str, user: str = "0") -> str:
        """What a command in the instance, as root, says on both its outputs, failed or not."""
        quoted = " ".join(f"'{word}'" for word in command)
        return self.bench.execute(item, "sh", "-c", f"{quoted} 2>&1; true", user=user)

    def inside(self, item: Any) -> list[str]:
        """Where datasets are mounted in an instance, by its own table of mounts."""
        lines = self.bench.execute(item, "cat", "/proc/self/mountinfo").splitlines()
        points = [line.split()[4] for line in lines]
        return [point for point in points if point.startswith(("/mnt/d", "/data/"))
                and point not in ("/mnt/data", "/mnt/dynamic")]  # fmt: skip

    def on_host(self, below: str = "") -> list[str]:
        """What is mounted in the node's folder, as the host has it; paths below that."""
        folder = self.shared / below
        return sorted(str(point.relative_to(folder)) for point in mounted_below(folder))

    def of_instance(self, item: Any) -> list[str]:
        """What is mounted on the host for an instance."""
        return self.on_host(f"{INSTANCES}/{item['id']}")

    def sources(self) -> list[str]:
        """What is mounted on the host for all its instances together."""
        return self.on_host(SOURCES)

    def helpers(self) -> list[str]:
        """Names of the containers of this installation that are no instances, also ended ones."""
        form = '{{.Names}} {{.Label "dsw.kind"}}'
        label = f"label=dsw.installation={self.bench.installation}"
        lines = docker("ps", "--all", "--filter", label, "--format", form).splitlines()
        return sorted(name for name, kind in map(str.split, lines) if kind != "instance")

    def nothing_left(self) -> None:
        """No mount on the host, and no helper."""
        try:
            eventually(lambda: not (self.on_host() or self.helpers()), MOUNT_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"left: {self.on_host()} {self.helpers()}") from error

    def secret_shown(self, item: Any) -> list[str]:
        """Where the secret of the bucket's class is shown, of all that people or an instance get
        to see: what the engine says of containers, the instance's processes, the logs."""
        name = container_name(self.bench.installation, item["id"])
        shown = {
            "engine": docker("inspect", name, *self.helpers()),
            "processes": docker("top", name, "axe"),
            "environment": self.attempt(item, "sh", "-c", "cat /proc/*/environ", user="1000"),
        }
        for log in (self.bench.data / "logs").iterdir():
            shown[log.name] = log.read_text(errors="replace")
        return [where for where, text in shown.items() if SECRET in text]
