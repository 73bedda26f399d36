"""The host's side of SSH: its key, what control is told of it, and an image without sshd."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.dsw_server.conftest import Server
from tests.dsw_server.ssh_instance import OWN_TOKEN, doorkeeper, ssh_instance
from tests.polling import eventually
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from dsw.instances import SshHost
from dsw.ssh import TICKET_HEADER, public_key
from dsw_server import ssh_daemon
from dsw_server.control import Control
from dsw_server.ssh import Ssh
from dsw_server.ssh_daemon import Daemon
from dsw_server.ssh_handler import SSH_PATH, SshHandler
from dsw_server.ssh_host_key import HostKey, host_key


def test_the_host_key_is_made_at_the_first_start_and_stays(
    tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    told = []
    with ssh_instance(tmp_path, start_server) as instance:
        [told] = eventually(lambda: instance.keeper.hosts)
        folder = instance.home / ".dsw" / "ssh" / instance.keeper.instance_id
    assert SshHost.model_validate(told).host_key == public_key(told["host_key"]).line
    [kept] = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    for each in (folder, folder.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    derived = subprocess.run(["ssh-keygen", "-y", "-f", kept], capture_output=True, check=True)
    assert derived.stdout.decode().startswith(told["host_key"])
    home = {"PATH": "/usr/bin", "HOME": str(tmp_path / "home")}
    environ = {**home, "DSW_INSTANCE_ID": folder.name}
    assert Daemon(environ).public_key() == told["host_key"]
    # The home is shared by all of the owner's instances.
    other = Daemon({**environ, "DSW_INSTANCE_ID": "dsw-other"})
    assert other.public_key() != told["host_key"]


def a_key(folder: Path) -> HostKey:
    aside = folder / "aside"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    return host_key(folder / "kept", aside, shutil.which("ssh-keygen") or "")


@pytest.mark.parametrize("content", [b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza", b"\0"])
def test_a_damaged_host_key_is_made_anew(tmp_path: Path, content: bytes) -> None:
    first = a_key(tmp_path)
    (tmp_path / "kept" / "host_key").write_bytes(content)
    second = a_key(tmp_path)
    assert first.public != second.public
    assert second == a_key(tmp_path)


def test_a_host_key_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    a_key(tmp_path)
    (tmp_path / "kept" / "host_key").unlink()
    (tmp_path / "kept" / "host_key").mkdir()
    with pytest.raises(IsADirectoryError):
        a_key(tmp_path)


def test_a_host_key_is_not_shown(tmp_path: Path) -> None:
    assert "PRIVATE" not in repr(a_key(tmp_path))


def test_control_is_told_until_it_has_heard(
    tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    with doorkeeper() as keeper:
        keeper.refusals = 2
        start_server(
            HOME=str(tmp_path),
            DSW_CONTROL_URL=keeper.url,
            DSW_INSTANCE_ID=keeper.instance_id,
            JUPYTERHUB_API_TOKEN=OWN_TOKEN,
        )
        eventually(lambda: keeper.hosts, timeout=20)
        assert keeper.asked == 3


async def test_a_home_that_takes_no_key_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".dsw").write_text("in the way")
    with doorkeeper() as keeper:
        keeper.keys["alice"] = []
        answer = await answer_of(tmp_path, keeper.url, keeper.instance_id)
        assert answer.status_code == 503
        assert "sshd could not be started" in answer.json()["detail"]
        assert keeper.hosts == []


async def test_an_image_without_sshd_says_so_and_makes_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_daemon, "SBIN", str(tmp_path))
    with doorkeeper() as keeper:
        answer = await answer_of(tmp_path, keeper.url, keeper.instance_id)
        assert answer.status_code == 501
        assert "has no sshd" in answer.json()["detail"]
        assert (keeper.asked, os.listdir(tmp_path)) == (0, [])


async def test_an_sshd_that_cannot_be_run_leaves_no_file_behind(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sshd").write_text("#!/nonexistent/interpreter\n")
    (tmp_path / "bin" / "sshd").chmod(0o755)
    path = f"{tmp_path}/bin:/usr/bin"
    environ = {"PATH": path, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    daemon = Daemon({**environ, "DSW_INSTANCE_ID": "dsw-x"})
    folder = daemon.lay_out([])
    with pytest.raises(FileNotFoundError):
        await daemon.start(folder)
    assert sorted(os.listdir(tmp_path)) == [".dsw", "bin"]


async def answer_of(home: Path, control_url: str, instance_id: str) -> httpx.Response:
    """What the handler answers in this process, whose search path holds ssh-keygen alone."""
    environ = {
        "HOME": str(home),
        "PATH": "/usr/bin",
        "DSW_CONTROL_URL": control_url,
        "DSW_INSTANCE_ID": instance_id,
        "JUPYTERHUB_API_TOKEN": OWN_TOKEN,
    }
    control = Control(environ)
    ssh = Ssh(control, environ, logging.getLogger("test"))
    server = HTTPServer(Application([(f"/{SSH_PATH}", SshHandler, {"ssh": ssh})]))
    socket, port = bind_unused_port()
    server.add_sockets([socket])
    ssh.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {TICKET_HEADER: "ticket-alice"}
            return await client.get(f"http://127.0.0.1:{port}/{SSH_PATH}", headers=headers)
    finally:
        await ssh.stop()
        server.stop()
        await server.close_all_connections()
        await control.close()
