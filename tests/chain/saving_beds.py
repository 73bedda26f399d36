"""A workbench whose registry is behind a proxy and has little room, and an instance to save."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.polling import eventually
from tests.proxies import Proxy
from tests.registries import RegistryServer
from tests.workbenches import TestBench, User, docker

from dsw.names import container_name
from dsw_control.engines.docker_source import running_freezer
from dsw_control.engines.freezer import is_frozen

INSTALLATION = "faults"
ROOM = "1500m"
AGENT = rb"{method} [^ ]*/{what}.*python-httpx"
PHASES = {
    "Preparing": AGENT.replace(b"{method}", b"GET").replace(b"{what}", b"manifests/"),
    "Copying": AGENT.replace(b"{method}", b"PATCH").replace(b"{what}", b"blobs/"),
    "Pushing": AGENT.replace(b"{method}", b"PUT").replace(b"{what}", b"manifests/"),
}
"""Requests of the agent that are held to keep a snapshot where it is."""
TAGGING = rb"PUT [^ ]*/manifests/snap-.*python-httpx"
ENDED = ("Saved", "Failed", "Cancelled")


_STOP = "/tmp/enough"
_WRITE = f"""
import itertools, os
os.makedirs("/opt/venv/busy", exist_ok=True)
for number in itertools.count():
    with open(f"/opt/venv/busy/{{number % 3000}}", "w") as file:
        file.write(str(number))
    if number % 100 == 0 and os.path.exists("{_STOP}"):
        break
"""


def _stands(folder: Path) -> bool:
    return (folder / "freezer.state").read_text() == "FROZEN\n"


@dataclass
class Bed:
    """The workbench, what is between it and its registry, and one instance for all tests."""

    bench: TestBench
    proxy: Proxy
    registry: RegistryServer
    alice: User
    item: Any

    @property
    def repository(self) -> str:
        """Where images of the workspace go."""
        return f"dsw/{self.item['workspace_id']}"

    def fill(self, item: Any, mib: int = 20) -> None:
        """Something new to save, that cannot be compressed."""
        path = "of=/opt/venv/random"
        self.bench.execute(item, "dd", "if=/dev/urandom", path, "bs=1M", f"count={mib}")

    def begin(self, name: str, item: Any = None, **body: Any) -> str:
        """Ask for a snapshot; its id."""
        item = item or self.item
        answer = self.alice.http.post(
            f"instances/{item['id']}/snapshots", json={"name": name, **body}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def begin_until(self, phase: str, name: str, item: Any = None) -> str:
        """Ask for a snapshot and keep it in a phase; its id."""
        self.fill(item or self.item)
        self.proxy.hold(PHASES[phase])
        snapshot = self.begin(name, item)
        self.proxy.wait_until_held()
        return snapshot

    def begin_until_frozen(self, name: str, item: Any = None) -> tuple[str, int]:
        """Ask for a snapshot, and stop its helper's worker in the moment in which it has frozen the
        instance; the snapshot's id, and the worker's process."""
        item = item or self.item
        folder = running_freezer(self.bench.inspect(item))
        assert folder is not None
        for _ in range(10):
            snapshot = self.begin_until("Copying", name, item)
            worker = self.worker(snapshot)
            self.proxy.release()
            while Path(f"/proc/{worker}").exists() and not _stands(folder):
                os.sched_yield()
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGSTOP)
                if _stands(folder):
                    return snapshot, worker
                os.kill(worker, signal.SIGCONT)
            self.ended(snapshot)
        raise AssertionError("it never stood still for long enough to be seen")

    def worker(self, snapshot: str) -> int:
        """The process of a helper that does the work, below the one that watches it."""
        form = "{{.State.Pid}}"
        first = docker("inspect", "--format", form, self.agent(snapshot)).strip()
        lines = docker("top", self.agent(snapshot), "-eo", "pid,ppid").splitlines()[1:]
        return next(int(pid) for pid, parent in map(str.split, lines) if parent == first)

    @contextmanager
    def busy(self, item: Any = None) -> Iterator[None]:
        """Let the instance write small files all the time, so that it has to stand still a little
        longer than nothing."""
        item = item or self.item
        name = container_name(self.bench.installation, item["id"])
        self.bench.execute(item, "rm", "-f", _STOP)
        docker("exec", "--detach", "--user=1000", name, "python", "-c", _WRITE)
        try:
            yield
        finally:
            if item["id"] in self.bench.containers():
                self.bench.execute(item, "touch", _STOP)

    def ended(self, snapshot: str, timeout: float = 120) -> Any:
        """The snapshot, once it has ended. Control may be away meanwhile."""

        def look() -> Any:
            if self.alice.state_or_none(self.item["id"]) is None:
                return None
            now = self.alice.get(f"snapshots/{snapshot}")
            return now if now["state"] in ENDED else None

        return eventually(look, timeout)

    def cancel(self, snapshot: str) -> None:
        """Ask for its end."""
        assert self.alice.http.post(f"snapshots/{snapshot}/cancel").status_code == 202

    def agent(self, snapshot: str) -> str:
        """The name of its helper."""
        return container_name(self.bench.installation, snapshot)

    def frozen(self, item: Any = None) -> bool:
        """Whether the instance stands still."""
        folder = running_freezer(self.bench.inspect(item or self.item))
        return folder is not None and is_frozen(folder)

    def stored(self) -> set[str]:
        """Whatever the registry keeps of this workspace: tags and manifests."""
        return {*self.registry.tags(self.repository), *self.registry.revisions(self.repository)}

    def is_whole(self) -> None:
        """The instance runs, and nothing of a snapshot that is under way is anywhere."""
        eventually(lambda: self.alice.state_or_none(self.item["id"]) == "Running", 60)
        eventually(lambda: not self.frozen(), 15)
        assert self.bench.execute(self.item, "echo", "alive") == "alive\n"
        eventually(lambda: self.bench.containers("agent", every=True) == [], 30)
        work = self.bench.data / "run" / "snapshots"
        eventually(lambda: not list(work.glob("*/snap-*")), 30)
        assert not list((self.bench.data / "run" / "agents").glob("*"))
        assert "/run/snapshots/" not in Path("/proc/mounts").read_text()


@contextmanager
def a_bed(folder: Path) -> Iterator[Bed]:
    """Brought up for a module, and taken down with all that it made."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    (disk / "registry").mkdir()
    registry = RegistryServer(disk / "registry")
    registry.start()
    proxy = Proxy(registry.address)
    settings = f'[registry]\naddress = "{proxy.address}"\ninsecure = true\n'
    bench = TestBench(folder / "data", INSTALLATION, settings)
    try:
        bench.up()
        alice = bench.user("alice")
        yield Bed(bench, proxy, registry, alice, alice.running(display_name="to be saved"))
    finally:
        proxy.release()
        bench.down()
        _untag(proxy.address)
        proxy.close()
        registry.stop()
        subprocess.run(["umount", str(disk)], check=True)


def _untag(address: str) -> None:
    """By name, never by id: the pushed base is the same image as the workbench's own."""
    names = "{{.Repository}} {{.Tag}} {{.Digest}}"
    for line in docker("image", "ls", "--digests", "--format", names).splitlines():
        repository, tag, digest = line.split()
        if repository.startswith(address):
            name = f"{repository}@{digest}" if tag == "<none>" else f"{repository}:{tag}"
            docker("image", "rm", name)
