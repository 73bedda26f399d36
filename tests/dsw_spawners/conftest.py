"""A workbench whose control is the test: real hub, real proxy, real processes or containers."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.dsw_spawners.fake_control import FakeControl
from tests.dsw_spawners.plans import Planner
from tests.hubs import Hub, running_hub, write_config
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw import names, secret_files

IMAGE = "jupyterhub-dsw/minimal:latest"


@dataclass
class Bench:
    """Hub, control and an administrator's client; servers are addressed by owner and name."""

    hub: Hub
    control: FakeControl
    planner: Planner
    admin: httpx.Client
    installation: str
    users: set[str] = field(default_factory=set)

    def start(self, name: str, owner: str = "alice", **options: Any) -> httpx.Response:
        """Ask the hub to start a named server; the answer of the request."""
        self._know(owner)
        return self.admin.post(f"/users/{owner}/servers/{name}", json=options)

    def _know(self, owner: str) -> None:
        if owner not in self.users:
            self.admin.post(f"/users/{owner}")
            self.users.add(owner)

    def server(self, name: str, owner: str = "alice") -> dict[str, Any]:
        """The hub's model of a server; empty when there is none."""
        answer = self.admin.get(f"/users/{owner}", params={"include_stopped_servers": True})
        return dict(answer.json().get("servers", {}).get(name, {}))

    def wait_ready(self, name: str, owner: str = "alice", timeout: float = 60) -> None:
        """Wait until the hub calls the server ready."""
        eventually(lambda: self.server(name, owner).get("ready"), timeout)

    def run(self, name: str, owner: str = "alice") -> str:
        """Start a server and wait for it; the answer is its instance id."""
        answer = self.start(name, owner)
        assert answer.status_code in (201, 202), answer.text
        self.wait_ready(name, owner)
        return self.instance(name, owner)

    def stop(self, name: str, owner: str = "alice", remove: bool = False) -> None:
        """Stop a server, or delete it for good, and wait for that."""
        path = f"/users/{owner}/servers/{name}"
        self.admin.request("DELETE", path, json={"remove": remove}).raise_for_status()
        if remove:
            eventually(lambda: not self.server(name, owner), 30)
        else:
            eventually(lambda: self.server(name, owner).get("stopped"), 30)

    def as_owner(self, owner: str = "alice") -> httpx.Client:
        """A client with a token of the owner, whom servers let in."""
        self._know(owner)
        made = self.admin.post(f"/users/{owner}/tokens", json={"note": "test"})
        return self.hub.client(made.raise_for_status().json()["token"])

    def instance(self, name: str, owner: str = "alice") -> str:
        """The instance id of a server."""
        return self.planner.ids[owner, name]

    def start_and_watch(self, name: str, owner: str = "alice") -> list[dict[str, Any]]:
        """Start a server; the answer is what the hub's progress page gets to see of it."""
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.start, name, owner)
            eventually(lambda: self.server(name, owner).get("pending"), every=0.01)
            return self._progress(name, owner)

    def _progress(self, name: str, owner: str) -> list[dict[str, Any]]:
        path = f"/users/{owner}/servers/{name}/progress"
        with self.admin.stream("GET", path) as answer:
            lines = [line for line in answer.iter_lines() if line.startswith("data:")]
        return [json.loads(line[5:]) for line in lines]

    def environment(self, instance_id: str) -> dict[str, str]:
        """What was handed over to the instance; empty when there is nothing (any more)."""
        with contextlib.suppress(OSError):
            found: dict[str, str] = json.loads(self.environment_file(instance_id).read_text())
            return found
        return {}

    def environment_file(self, instance_id: str) -> Path:
        """Where the environment is handed over."""
        return self.hub.settings.data / "run" / "instances" / instance_id / "environment"


@contextlib.contextmanager
def bench(folder: Path, toml: str, planner: Planner, **hub_keys: Any) -> Iterator[Bench]:
    """Everything of one installation, ended at the end."""
    port = an_unused_port()
    config = write_config(folder, toml.replace("CONTROL_PORT", str(port)), **hub_keys)
    hub = Hub(config)
    token = hub.secrets.get(secret_files.SPAWNER)
    control = FakeControl(hub.settings.private_host, port, token)
    control.planner = planner
    try:
        with running_hub(config) as hub:
            installation = hub.settings.installation
            yield Bench(hub, control, planner, hub.admin(), installation)
    finally:
        control.stop()


PROCESS_TOML = """
[control]
port = CONTROL_PORT
[engine]
kind = "process"
start_timeout = 60
answer_timeout = 30
"""


@pytest.fixture(scope="module")
def process_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Instances as local processes."""
    folder = tmp_path_factory.mktemp("process")
    planner = Planner(home=str(folder / "home"))
    with bench(folder, PROCESS_TOML, planner, admins=["admin", "root"]) as made:
        try:
            yield made
        finally:
            for owner, name in list(made.planner.ids):
                if made.hub.process.poll() is None:
                    made.admin.request("DELETE", f"/users/{owner}/servers/{name}")


def docker(*arguments: str) -> str:
    """What the Docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    """A container as the engine shows it."""
    found: dict[str, Any] = json.loads(docker("inspect", name))[0]
    return found


def containers(installation: str, **filters: str) -> list[str]:
    """The names of this installation's containers, running or not."""
    wanted = [f"--filter=label=dsw.installation={installation}"]
    wanted += [f"--filter={key}={value}" for key, value in filters.items()]
    return docker("ps", "--all", "--format", "{{.Names}}", *wanted).split()


DOCKER_TOML = """
[control]
port = CONTROL_PORT
[engine]
kind = "docker"
start_timeout = 90
answer_timeout = 60
"""


@pytest.fixture(scope="module")
def docker_bench(minimal_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Instances as containers, on a network of this installation."""
    with container_bench(tmp_path_factory.mktemp("docker"), DOCKER_TOML, minimal_image) as made:
        yield made


@contextlib.contextmanager
def container_bench(folder: Path, toml: str, image: str) -> Iterator[Bench]:
    """As `bench`, with a network of its own; no container of it is left at the end."""
    installation = f"t{secrets.token_hex(4)}"
    network = names.network_name(installation)
    docker("network", "create", "--label", f"dsw.installation={installation}", network)
    home = folder / "home"
    home.mkdir()
    subprocess.run(["chown", "1000:1000", home], check=True)
    try:
        gateway = json.loads(docker("network", "inspect", network))[0]["IPAM"]["Config"][0]
        planner = Planner(
            installation=installation,
            image_digest=image,
            network=network,
            mounts=[{"kind": "bind", "source": str(home), "target": "/mnt/workspace"}],
        )
        with bench(
            folder,
            toml,
            planner,
            private_host=gateway["Gateway"],
        ) as made:
            made.installation = installation
            yield made
    finally:
        for name in containers(installation):
            docker("rm", "--force", "--volumes", name)
        # The engine frees an endpoint a moment after its container.
        eventually(lambda: _removed(network), 10)


def _removed(network: str) -> bool:
    done = subprocess.run(["docker", "network", "rm", network], capture_output=True, check=False)
    return done.returncode == 0
