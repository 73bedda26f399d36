"""The yardstick: JupyterHub with DockerSpawner as it comes, on an image and a network like ours."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from clients import accept, client
from tests.polling import eventually
from tests.workbenches import docker, free_ports

from dsw.names import network_name
from dsw.specs import Spec
from workbench import network
from workbench.node import PROXY_PROGRAM

START_SECONDS = 60

CONFIG = """\
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_ip = "{gateway}"
c.JupyterHub.hub_port = {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.ConfigurableHTTPProxy.command = ["{node}", "{proxy}"]
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "benchmark", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "benchmark", "scopes": ["admin:users", "tokens"], "services": ["benchmark"]}}
]
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.Spawner.http_timeout = 120
c.Spawner.start_timeout = 300
c.Spawner.cpu_limit = {spec.cpu}
c.Spawner.mem_limit = {spec.memory}
c.DockerSpawner.image = "{image}"
c.DockerSpawner.network_name = "{network}"
c.DockerSpawner.use_internal_ip = True
# Kept over a stop, as ours are; every new server gets a new container all the same.
c.DockerSpawner.remove = False
c.DockerSpawner.name_template = "{installation}-{{username}}-{{servername}}"
c.DockerSpawner.extra_create_kwargs = {{"labels": {{"dsw.installation": "{installation}"}}}}
"""


@dataclass(frozen=True)
class PlainHub:
    """A running hub. `token` is that of the plain user `owner`."""

    installation: str
    url: str
    owner: str
    token: str

    def server(self, name: str) -> str:
        """The public address of a named server."""
        return f"{self.url}/user/{self.owner}/{name}/"

    def container(self, name: str) -> str:
        """The name of a server's container."""
        return f"{self.installation}-{self.owner}-{name}"

    async def start(self, name: str, http: httpx.AsyncClient) -> httpx.Response:
        """The hub's answer, which comes when the server is up."""
        return await http.post(self._api(name))

    async def stop(self, name: str) -> None:
        """End a server; its container stays."""
        async with client(self.token) as http:
            accept(await http.delete(self._api(name)))

    async def delete(self, name: str) -> None:
        """End a server and remove its container, which DockerSpawner would leave behind."""
        await self.stop(name)
        docker("rm", "-f", "-v", self.container(name))

    def _api(self, name: str) -> str:
        return f"{self.url}/hub/api/users/{self.owner}/servers/{name}"


@contextlib.contextmanager
def plain_hub(folder: Path, installation: str, image: str, spec: Spec) -> Iterator[PlainHub]:
    """Hub and proxy in a folder; at the end they, their containers and their network are gone."""
    folder.mkdir()
    token, ports = secrets.token_hex(16), free_ports(3)
    config = folder / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            ports=ports,
            gateway=network.ensure(installation),
            node=shutil.which("node"),
            proxy=PROXY_PROGRAM,
            token=token,
            spec=spec,
            image=image,
            network=network_name(installation),
            installation=installation,
        )
    )
    url = f"http://127.0.0.1:{ports[0]}"
    process: subprocess.Popen[bytes] | None = None
    try:
        with (folder / "hub.log").open("wb") as log:
            command = [sys.executable, "-m", "jupyterhub", "--config", str(config)]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        eventually(lambda: _is_up(url, process, folder / "hub.log"), START_SECONDS)
        yield PlainHub(installation, url, "alice", _user_token(url, token, "alice"))
    finally:
        if process:
            process.terminate()
            process.wait(60)
        _clean(installation)


def _is_up(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"The plain hub ended:\n{log.read_text()}")
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/hub/api/", trust_env=False).status_code == httpx.codes.OK
    return False


def _user_token(url: str, token: str, name: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{url}/hub/api", headers=headers, trust_env=False) as http:
        accept(http.post(f"users/{name}"))
        made = accept(http.post(f"users/{name}/tokens", json={"note": "benchmark"}))
    return str(made.json()["token"])


def _clean(installation: str) -> None:
    label = f"label=dsw.installation={installation}"
    containers = docker("ps", "--all", "--quiet", "--filter", label).split()
    if containers:
        docker("rm", "-f", "-v", *containers)
    docker("network", "rm", network_name(installation))
