"""SSH in the real image, as an instance's container is: its user, and no capability left."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.dsw_server.conftest import JUPYTER_TOKEN, Server
from tests.dsw_server.ssh_instance import SshInstance, ssh_instance
from tests.polling import eventually
from tests.ports import an_unused_port

pytestmark = pytest.mark.docker


@contextmanager
def starter(image: str, name: str) -> Iterator[Callable[..., Server]]:
    """Starts a server with these variables in a container, which is removed at the end."""
    started: list[Server] = []

    def start(HOME: str, **environ: str) -> Server:
        port = an_unused_port()
        base_url = f"http://127.0.0.1:{port}/user/alice/train/"
        variables = {**environ, "JUPYTER_TOKEN": JUPYTER_TOKEN}
        command = [
            *("docker", "run", "--rm", "--name", name, "--network", "host"),
            *("--user", "1000:1000", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges"),
            *(f"--env={key}={value}" for key, value in variables.items()),
            *(image, "jupyter-server", f"--port={port}", "--ServerApp.base_url=/user/alice/train/"),
        ]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        headers = {"Authorization": f"token {JUPYTER_TOKEN}"}
        client = httpx.Client(base_url=base_url, headers=headers, trust_env=False, timeout=30)
        started.append(Server(process, base_url, client))
        return started[-1]

    yield start
    for server in started:
        server.client.close()
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
        server.process.wait(30)


@pytest.fixture
def instance(tmp_path: Path, minimal_image: str) -> Iterator[SshInstance]:
    name = f"dsw-test-ssh-{an_unused_port()}"
    with starter(minimal_image, name) as start, ssh_instance(tmp_path, start) as running:
        eventually(lambda: running.keeper.hosts, 60)
        yield running


def test_ssh_works_without_any_privilege_in_the_image(
    instance: SshInstance, tmp_path: Path
) -> None:
    [host] = instance.keeper.hosts
    assert host["user"] == "dsw"
    client = instance.client()
    told = client.run("train", "id -u; pwd; grep -c ^CapEff:.0000000000000000 /proc/self/status")
    assert told.stdout.decode().split() == ["1000", "/mnt/workspace", "1"], told.stderr
    # The same Python for a command, and for a login in a terminal.
    for arguments in (("train", "which python"), ("-tt", "train", "bash -lc 'which python'")):
        found = client.run(*arguments, stdin=subprocess.DEVNULL)
        assert found.stdout.decode().strip() == "/opt/venv/bin/python"
    assert b"/dev/pts/" in client.run("-tt", "train", "tty", stdin=subprocess.DEVNULL).stdout
    sent = tmp_path / "sent"
    sent.write_bytes(b"x" * 1_000_000)
    assert client.run(str(sent), "train:", program="scp").returncode == 0
    listed = client.run("train", "stat -c '%s %U' sent; stat -c %a .dsw/ssh/*/host_key")
    assert listed.stdout.decode().split("\n")[:2] == ["1000000 dsw", "600"]
    assert client.run("train", "ls -d /dev/shm/dsw-ssh-* /tmp/dsw-ssh-*").stdout == b""
    instance.admit("bob")
    refused = instance.client("alice", "bob").run("train", "id")
    assert b"Permission denied (publickey)" in refused.stderr
