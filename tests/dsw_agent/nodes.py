"""A node with namespaces of its own: what is mounted there is gone with it, and nothing stays."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel
from tests.polling import eventually

from dsw.node_mounts import (
    Area,
    Attach,
    Detach,
    NodeMountResult,
    NodeMountsRequest,
    SourceReport,
    SourceRequest,
    SourceState,
    WarmReport,
    WarmRequest,
)
from dsw_agent.mounting.store_source import Patience

INSTANCE = "dsw-abcdefghijkl"
LONG = 60.0
"""Seconds for what takes one on a quiet machine."""
_AGENT = """
import json, sys
from pathlib import Path
from dsw_agent.mounting import commands
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.store_source import Patience
name, request, shared, stage, patience = sys.argv[1:]
more = {"patience": Patience(**json.loads(patience))} if name == "source" else {}
node = Node(shared=shared, stage=stage)
sys.exit(getattr(commands, name)(Path(request), node, **more))
"""
_INSTANCE = """
set -e
mount -t tmpfs none /mnt
mkdir /mnt/data /mnt/dynamic
for area in data dynamic; do mount --bind {anchor}/$area /mnt/$area; done
echo ready
exec sleep infinity
"""


@dataclass
class Process:
    """A program in a node's namespaces; `lines` is what it printed so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The program itself, of which `process` is the parent."""
        return eventually(lambda: _child(self.process.pid), LONG)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; its exit code."""
        if self.process.poll() is None:
            os.kill(self.pid, number)
        self.process.wait(LONG)
        self._reader.join()
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as stream:
            self.lines.extend(line for text in stream if (line := text.strip()))


class Source(Process):
    """A running source."""

    @property
    def reports(self) -> list[SourceReport]:
        """All lines so far."""
        return [SourceReport.model_validate_json(line) for line in list(self.lines)]

    def becomes(self, state: SourceState, seconds: float = LONG) -> SourceReport:
        """The last line, when it has this state."""

        def look() -> SourceReport | None:
            reports = self.reports
            return reports[-1] if reports and reports[-1].state is state else None

        return eventually(look, seconds)


class NodeWorld:
    """The node's folder `shared`, the helper's own `stage`, and room for data at `data`."""

    def __init__(self, folder: Path) -> None:
        self._numbers = itertools.count()
        self.shared, self.stage, self.data = (folder / name for name in ("shared", "stage", "data"))
        self._folder = folder
        self._pid = 0
        self._started: list[Process] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """The namespaces, which end with all that runs and is mounted in them."""
        for path in (self.shared, self.stage, self.data):
            path.mkdir()
        script = (
            f"mount -t tmpfs none {self.shared} && mount --make-shared {self.shared} &&"
            f"mount -t tmpfs none {self.stage} && echo ready && exec sleep infinity"
        )
        spaces = ["--mount", "--propagation=private", "--pid", "--fork", "--mount-proc"]
        command = ["unshare", *spaces, "--kill-child", "sh", "-c", script]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                assert process.stdout.readline() == "ready\n"
                self._pid = eventually(lambda: _child(process.pid), LONG)
                yield
            finally:
                process.kill()
                for started in self._started:
                    started.process.wait(LONG)

    def start(self, *command: str, kind: type[Process] = Process) -> Process:
        """A program in the node's namespaces."""
        return self.enter(self._pid, command, kind)

    def enter(self, pid: int, command: Sequence[str], kind: type[Process] = Process) -> Process:
        """A program in the namespaces of another one."""
        enter = ["nsenter", f"--target={pid}", "--mount", "--pid", "--", *command]
        started = kind(subprocess.Popen(enter, stdout=subprocess.PIPE, text=True))
        self._started.append(started)
        return started

    def sh(self, script: str, check: bool = True) -> str:
        """What a shell in the node's namespaces prints, with its errors."""
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--", "sh", "-c", script]
        done = subprocess.run(
            enter, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout
        return done.stdout.strip()

    def agent(
        self, name: str, request: BaseModel, kind: type[Process], patience: Patience | None = None
    ) -> Process:
        """A command of the agent."""
        path = self._folder / f"request-{next(self._numbers)}.json"
        path.write_text(request.model_dump_json())
        more = json.dumps(asdict(patience or Patience()))
        folders = (str(self.shared), str(self.stage))
        return self.start(sys.executable, "-c", _AGENT, name, str(path), *folders, more, kind=kind)

    def apply(self, *steps: Attach | Detach) -> list[NodeMountResult]:
        """The results of steps, in their order (detaching first)."""
        request = NodeMountsRequest(
            detach=[step for step in steps if isinstance(step, Detach)],
            attach=[step for step in steps if isinstance(step, Attach)],
        )
        run = self.agent("mounts", request, Process)
        run.process.wait(LONG)
        assert run.end() == 0
        return [NodeMountResult.model_validate_json(line) for line in run.lines]

    def source(self, request: SourceRequest, patience: Patience | None = None) -> Source:
        """A source that begins."""
        started = self.agent("source", request, Source, patience)
        assert isinstance(started, Source)
        return started

    def warm(self, request: WarmRequest) -> list[WarmReport]:
        """The lines of a warming."""
        run = self.agent("warm", request, Process)
        run.process.wait(LONG)
        run.end()
        return [WarmReport.model_validate_json(line) for line in run.lines]

    def attaching(self, name: str = "photos", **changes: object) -> Attach:
        """A step that mounts `data` read-only at /mnt/dynamic/<name>."""
        step = Attach(
            instance_id=INSTANCE,
            area=Area.DYNAMIC,
            name=name,
            read_only=True,
            seen=str(self.data),
        )
        return step.model_copy(update=changes)

    def anchor(self, *parts: str) -> Path:
        """A folder of the instance on the node, as a path in the node's namespaces."""
        return self.shared.joinpath("instances", INSTANCE, *parts)

    def mounted(self) -> list[str]:
        """The points below the node's folder, relative to it."""
        listed = self.sh("cut -d' ' -f5 /proc/self/mountinfo").splitlines()
        return sorted(
            point.removeprefix(f"{self.shared}/")
            for point in listed
            if point.startswith(f"{self.shared}/")
        )

    def instance(self) -> Instance:
        """An instance that sees its data at /mnt/data and /mnt/dynamic."""
        self.sh(f"mkdir -p {self.anchor()}/data {self.anchor()}/dynamic")
        script = _INSTANCE.format(anchor=shlex.quote(str(self.anchor())))
        started = self.start("unshare", "--mount", "--propagation=slave", "sh", "-c", script)
        eventually(lambda: started.lines == ["ready"], LONG)
        return Instance(self, started)


class Instance:
    """A process that sees only its own mounts, as root."""

    def __init__(self, node: NodeWorld, started: Process) -> None:
        self._node = node
        self._started = started

    def start(self, *command: str) -> Process:
        """A program inside."""
        return self._node.enter(self._started.pid, command)

    def sh(self, script: str) -> str:
        """What a shell inside prints, with its errors."""
        enter = ["nsenter", f"--target={self._started.pid}", "--mount", "--pid", "--"]
        done = subprocess.run(
            [*enter, "sh", "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONG,
        )
        return done.stdout.strip()

    def end(self) -> None:
        """Stop it."""
        self._started.end(signal.SIGKILL)


@contextmanager
def a_node() -> Iterator[NodeWorld]:
    """A node of its own. Its folder has a short path: a socket's may be 100 characters long."""
    with tempfile.TemporaryDirectory(prefix="node-") as folder:
        world = NodeWorld(Path(folder))
        with world.running():
            yield world


def _child(pid: int) -> int:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    children = path.read_text().split() if path.exists() else []
    return int(children[0]) if children else 0
