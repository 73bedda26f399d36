"""Who does not get into an instance by SSH, and how soon one who may no more is out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket
from tests.polling import eventually
from tests.ssh_computers import ROADS, Computer
from tests.workbenches import TestBench, User

from dsw.ssh import SSH_PATH, TICKET_HEADER

pytestmark = pytest.mark.docker

WITHIN = 5.0
"""Seconds after which one who may no more is out."""


@pytest.fixture(scope="module")
def olga(workbench: TestBench) -> User:
    """Whose instance it is."""
    workbench.wait_until_ready()
    return workbench.user("olga")


@pytest.fixture(scope="module")
def train(olga: User) -> Iterator[Any]:
    """Olga's instance for all these tests."""
    made = olga.running(name="train")
    eventually(lambda: olga.get(f"instances/{made['id']}")["ssh"], 30)
    yield made
    olga.delete(made["id"])


@pytest.fixture(scope="module")
def victor(workbench: TestBench) -> User:
    """Another member."""
    user = workbench.user("victor")
    user.get("me")
    return user


@pytest.fixture(params=ROADS)
def hers(request: pytest.FixtureRequest, olga: User, train: Any, tmp_path: Path) -> Computer:
    """Olga's computer."""
    return knowing(tmp_path, olga, request.param, "train")


@pytest.fixture
def his(hers: Computer, victor: User, tmp_path: Path) -> Computer:
    """Victor's, by the same road, with a key that is registered."""
    computer = Computer(tmp_path / "victor", victor, hers.road)
    computer.dsw("ssh-keys", "add")
    return computer


@pytest.fixture
def shared(olga: User, victor: User, train: Any) -> Iterator[str]:
    """The path of a share that gives Victor full access."""
    path = f"instances/{train['id']}/shares"
    answer = olga.http.put(path, json={"user": "victor", "access": "full"})
    assert answer.status_code == 200, answer.text
    eventually(lambda: any(one["active"] for one in olga.get(path)["items"]), 30)
    yield f"{path}/{answer.json()['id']}"
    olga.http.delete(f"{path}/{answer.json()['id']}")


def knowing(folder: Path, user: User, road: str, *names: str) -> Computer:
    computer = Computer(folder / user.name, user, road)
    computer.know(*names)
    return computer


def refused(done: Any, sentence: str = "") -> None:
    assert done.returncode == 255, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_another_user_does_not_get_in(hers: Computer, his: Computer) -> None:
    """Victor with Olga's configuration, and all of it made his own."""
    text = hers.config.read_text().replace(str(hers.home), str(his.home))
    his.config.parent.mkdir()
    his.config.write_text(text.replace("User olga", "User victor"))
    for file in (hers.home / ".config" / "dsw" / "ssh" / "hosts").iterdir():
        target = his.home / ".config" / "dsw" / "ssh" / "hosts" / file.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    refused(his.done("train.dsw", "id"))


def test_another_user_s_key_does_not_open(hers: Computer, his: Computer) -> None:
    keys = [str(each.home / ".config" / "dsw" / "ssh" / "id_ed25519") for each in (hers, his)]
    text = hers.config.read_text()
    whole = text.replace(*keys)
    hers.config.write_text(whole)
    refused(hers.done("train.dsw", "id"), "Permission denied")
    # At the gateway as she is, in the instance with his.
    head, host, tail = text.rpartition("Host train.dsw")
    hers.config.write_text(head + host + tail.replace(*keys))
    refused(hers.done("train.dsw", "id"), "Permission denied (publickey)")


def test_a_removed_key_is_out_and_stays_out(hers: Computer) -> None:
    title = hers.dsw("ssh-keys", "list", "--json")
    kept = hers.session("train.dsw")
    line = (hers.home / ".config" / "dsw" / "ssh" / "id_ed25519.pub").read_text()
    own = next(k["id"] for k in hers.user.get("ssh-keys")["items"] if k["public_key"] in line)
    assert own in title
    assert kept.echoes("here")
    assert hers.user.http.delete(f"ssh-keys/{own}").status_code == 204
    began = time.monotonic()
    kept.ended()
    assert time.monotonic() - began < WITHIN
    refused(hers.done("train.dsw", "id"))


def test_only_the_sessions_of_the_removed_key_end(
    hers: Computer, olga: User, tmp_path: Path
) -> None:
    other = knowing(tmp_path / "second", olga, hers.road, "train")
    goes, stays = hers.session("train.dsw"), other.session("train.dsw")
    line = (hers.home / ".config" / "dsw" / "ssh" / "id_ed25519.pub").read_text()
    own = next(k["id"] for k in olga.get("ssh-keys")["items"] if k["public_key"] in line)
    olga.http.delete(f"ssh-keys/{own}")
    goes.ended(WITHIN)
    assert stays.echoes("still")
    stays.close()


@pytest.mark.parametrize("how", ["removed", "disabled", "share ended", "view only"])
def test_one_who_may_no_more_is_out(
    workbench: TestBench, olga: User, his: Computer, train: Any, shared: str, how: str
) -> None:
    his.know("olga/train")
    host = "train.olga.dsw"
    session = his.session(host)
    assert session.echoes("here")
    members = "workspaces/default/members/victor"
    acts = {
        "removed": lambda: workbench.admin.http.delete(members),
        "disabled": lambda: workbench.admin.http.put(
            members, json={"roles": ["developer"], "disabled": True}
        ),
        "share ended": lambda: olga.http.delete(shared),
        "view only": lambda: olga.http.put(
            f"instances/{train['id']}/shares", json={"user": "victor", "access": "view"}
        ),
    }
    try:
        assert acts[how]().is_success
        began = time.monotonic()
        said = session.ended()
        assert time.monotonic() - began < WITHIN, said
        refused(his.done(host, "id"))
    finally:
        workbench.admin.http.put(members, json={"roles": ["developer"]})


def expired(user: User) -> str:
    """A token that was good for a second."""
    url = f"{user.workbench.url}/hub/api/users/{user.name}/tokens"
    headers = {"Authorization": f"Bearer {user.workbench.admin.token}"}
    answer = httpx.post(url, headers=headers, json={"note": "short", "expires_in": 1})
    token = str(answer.json()["token"])
    me = f"{user.workbench.url}/services/dsw/api/me"
    with_it = {"Authorization": f"Bearer {token}"}
    eventually(lambda: httpx.get(me, headers=with_it).status_code == 401, 30, every=1)
    return token


@pytest.mark.parametrize("kind", ["wrong", "expired"])
def test_a_token_that_is_not_good_opens_nothing(
    workbench: TestBench, olga: User, train: Any, tmp_path: Path, kind: str
) -> None:
    token = "0123456789abcdef" if kind == "wrong" else expired(olga)
    by_proxy = knowing(tmp_path / "a", olga, "proxy", "train")
    by_proxy.environment |= {"DSW_URL": workbench.url, "DSW_TOKEN": token}
    refused(by_proxy.done("train.dsw", "id"), "does not know your token")
    by_gateway = knowing(tmp_path / "b", olga, "gateway", "train")
    refused(by_password(by_gateway, token), "Permission denied")
    assert "You are olga." in by_password(by_gateway, olga.token).stdout


def by_password(computer: Computer, token: str) -> Any:
    """A login at the gateway with a token as password."""
    asking = computer.home / "asking"
    asking.write_text(f"#!/bin/sh\necho {token}\n")
    asking.chmod(0o700)
    computer.environment |= {"SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"}
    options = ("PubkeyAuthentication=no", "BatchMode=no", "NumberOfPasswordPrompts=1")
    words = [word for option in options for word in ("-o", option)]
    return computer.run("ssh", "-F", computer.config, *words, "dsw-gateway")


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:{hub}",
        "localhost:{control}",
        "127.0.0.1:22",
        "example.com:22",
        "169.254.169.254:80",
        "{id}:8888",
        "train:23",
        "../x:22",
        "-oProxyCommand=touch%20canary:22",
        "victor/train:22",
    ],
)
def test_the_gateway_leads_to_instances_and_nowhere_else(
    workbench: TestBench, olga: User, train: Any, tmp_path: Path, target: str
) -> None:
    computer = knowing(tmp_path, olga, "gateway", "train")
    conf = workbench.settings
    where = target.format(hub=conf.hub.api_port, control=conf.control.port, id=train["id"])
    done = computer.done("-W", where, "dsw-gateway", cwd=tmp_path)
    refused(done, "administratively prohibited")
    assert not list(tmp_path.glob("canary*"))


def test_the_gateway_listens_for_nobody_and_has_no_shell(
    olga: User, train: Any, tmp_path: Path
) -> None:
    computer = knowing(tmp_path, olga, "gateway", "train")
    gateway = ("-o", "ExitOnForwardFailure=yes", "dsw-gateway")
    for forward in ("0:localhost:22", f"{tmp_path}/a.sock:localhost:22"):
        refused(computer.done("-N", "-R", forward, *gateway), "forwarding failed")
    assert computer.done("dsw-gateway", "touch /tmp/canary").returncode != 0
    assert computer.run("sftp", "-F", computer.config, "dsw-gateway", input="ls\n").returncode != 0
    assert not Path("/tmp/canary").exists()


@pytest.mark.parametrize("name", ["../x", "-oProxyCommand=touch canary", "$(touch canary)", "root"])
def test_a_user_name_is_only_a_name(hers: Computer, tmp_path: Path, name: str) -> None:
    host = "dsw-gateway" if hers.road == "gateway" else "train.dsw"
    # On the command line OpenSSH itself refuses some of them, so it is in the file.
    text = hers.config.read_text()
    own = "User olga" if hers.road == "gateway" else "User dsw"
    hers.config.write_text(text.replace(own, f'User "{name}"'))
    refused(hers.done(host, "id", cwd=tmp_path))
    assert not list(tmp_path.glob("canary*"))


@pytest.mark.parametrize("name", ["../x", "-oProxyCommand=touch canary", "olga/../train"])
def test_an_instance_s_name_is_only_a_name(hers: Computer, tmp_path: Path, name: str) -> None:
    for command in ("ssh", "ssh-proxy"):
        words = [sys.executable, "-m", "dsw.cli.main", command, "--", name]
        done = hers.run(*words, cwd=tmp_path)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().endswith((".", ")."))
    assert not list(tmp_path.glob("canary*"))


def handshake(url: str, *lines: str) -> int:
    """The status with which a websocket is answered."""
    try:
        made = websocket.create_connection(
            url.replace("http", "ws", 1), header=list(lines), suppress_origin=True, timeout=30
        )
    except websocket.WebSocketBadStatusException as error:
        return int(error.status_code)
    assert b"SSH-2.0" in made.recv()
    made.shutdown()
    return 101


def test_a_websocket_needs_a_ticket_for_this_instance_and_no_browser(
    workbench: TestBench, olga: User, victor: User, train: Any
) -> None:
    if not olga.get("ssh-keys")["items"]:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrwRcsWcWtvWpkVGgnYMVx4XgX8vfIYzRHb8BXm2TNV"
        assert olga.http.post("ssh-keys", json={"public_key": key}).status_code == 201
    other = olga.running(name="other")

    def ticket(item: Any) -> str:
        asked = {"instance": item["id"], "start": True}

        def given() -> Any:
            return olga.http.post("ssh/tickets", json=asked).json().get("ticket")

        return f"{TICKET_HEADER}: {eventually(given, 30)}"

    url = f"{workbench.url}{train['url']}{SSH_PATH}"
    assert handshake(url) == 401
    assert handshake(url, f"Authorization: Bearer {olga.token}") == 401
    assert handshake(url, f"{TICKET_HEADER}: forged") == 403
    assert handshake(url, f"{TICKET_HEADER}: {olga.token}") == 403
    assert handshake(url, ticket(other)) == 403
    assert handshake(url, ticket(train), f"Origin: {workbench.url}") == 403
    assert handshake(f"{url}?ticket=x&token={olga.token}") == 401
    assert handshake(url, ticket(train)) == 101
    for path in ("", "?ticket=x"):
        answer = httpx.get(f"{workbench.url}{train['url']}{SSH_PATH}{path}")
        assert 400 <= answer.status_code < 500, answer.text
    olga.delete(other["id"])
