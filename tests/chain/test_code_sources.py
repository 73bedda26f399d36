"""A private repository in a container: cloned at the start, pulled later, its secret nowhere."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.git_servers import GitServer, git_server
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker

from dsw.names import container_name

pytestmark = pytest.mark.docker

SECRET = "deploy-token-of-the-chain"


@pytest.fixture
def server(workbench: TestBench, tmp_path: Path) -> Iterator[GitServer]:
    """A git server that instances reach, as they reach control."""
    address = urlsplit(workbench.settings.control_url).hostname or ""
    with git_server(tmp_path / "git", address) as started:
        started.user, started.password = "deploy", SECRET
        yield started


@pytest.fixture
def source(workbench: TestBench, server: GitServer) -> Iterator[str]:
    """Id of a code source with a credential, registered by an administrator. Its directory is new:
    what an earlier test cloned is still in the home."""
    url = server.repository("private", {"train.py": "print(1)\n"})
    admin = workbench.admin.http
    key: dict[str, Any] = {"name": "deploy", "kind": "git", "host": server.host}
    key |= {"username": "deploy", "secret": SECRET}
    credential = admin.post("credentials", json=key).json()["id"]
    directory = f"code/{credential}"
    body = {"name": "private", "url": url, "directory": directory, "credential": credential}
    answer = admin.post("code-sources", json=body)
    assert answer.status_code == 201, answer.text
    yield answer.json()["id"]
    assert admin.delete(f"code-sources/{answer.json()['id']}").status_code == 204
    assert admin.delete(f"credentials/{credential}").status_code == 204


@pytest.fixture
def item(
    workbench: TestBench, alice: User, base_image: str, source: str, tmp_path: Path
) -> Iterator[Any]:
    """A running instance with it."""

    def offered() -> Any:
        found = [i for i in alice.get("images")["items"] if i["digest"] == base_image]
        return found and found[0]["id"]

    image = eventually(offered, 60)
    yield alice.running(display_name="coder", image=image, spec="small", code_source=source)
    for one in alice.get("instances")["items"]:
        alice.delete(one["id"])


def cloned(user: User, item: Any) -> Any:
    """What the instance's server says of the clone, once it has ended."""

    def look() -> Any:
        told = user.server(item, "dsw/api/code").json()
        return told if told["state"] in ("Ready", "Failed") else None

    return eventually(look, 60)


def test_the_code_is_there_and_pulled_later_and_the_secret_is_nowhere_else(
    workbench: TestBench, alice: User, item: Any, server: GitServer, tmp_path: Path
) -> None:
    told = cloned(alice, item)
    where = f"/mnt/workspace/{told['directory']}"
    assert (told["state"], told["message"]) == ("Ready", f"The code is in {where}.")
    assert workbench.execute(item, "cat", f"{where}/train.py") == "print(1)\n"
    assert workbench.execute(item, "stat", "-c", "%a %u", "/run/dsw/code") == "400 1000\n"
    server.commit("private", {"train.py": "print(2)\n"}, push="main")
    workbench.execute(item, "git", "-C", where, "pull", "--quiet")
    assert workbench.execute(item, "cat", f"{where}/train.py") == "print(2)\n"
    found = workbench.execute(item, "sh", "-c", f"grep -rl {SECRET} /mnt/workspace /tmp; true")
    assert found == ""
    container = container_name(workbench.installation, item["id"])
    logged = subprocess.run(["docker", "logs", container], check=True, capture_output=True)
    assert told["message"].encode() in logged.stderr
    shown = docker("inspect", container) + docker("top", container, "axe")
    assert SECRET not in shown + logged.stderr.decode() + logged.stdout.decode()
    for log in (workbench.data / "logs").iterdir():
        assert SECRET not in log.read_text(errors="replace"), log.name
    assert SECRET not in json.dumps(alice.get(f"instances/{item['id']}/events"))

    saved = alice.http.post(f"instances/{item['id']}/snapshots", json={"name": "coded"}).json()
    eventually(lambda: alice.get(f"snapshots/{saved['id']}")["state"] == "Saved", 120)
    image = alice.get(f"snapshots/{saved['id']}")["image_id"]
    archive = tmp_path / "image.tar"
    docker("save", "--output", str(archive), alice.get(f"images/{image}")["digest"])
    for name, content in contents(archive):
        assert SECRET.encode() not in content, name


def contents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The configuration and the last layer of a saved image: what the save has made."""
    with tarfile.open(archive) as outer:
        manifest = outer.extractfile("manifest.json")
        assert manifest
        (image,) = json.load(manifest)
        for name in (image["Config"], image["Layers"][-1]):
            file = outer.extractfile(name)
            assert file
            yield name, file.read()


def test_the_code_file_goes_with_the_stop_and_comes_with_the_start(
    workbench: TestBench, alice: User, item: Any
) -> None:
    file = workbench.data / "run" / "instances" / item["id"] / "code"
    train = f"/mnt/workspace/{cloned(alice, item)['directory']}/train.py"
    assert SECRET in file.read_text()
    workbench.execute(item, "sh", "-c", f"echo mine > {train}")
    alice.http.post(f"instances/{item['id']}/stop")
    alice.wait(item["id"], "Stopped")
    assert not file.exists()
    alice.http.post(f"instances/{item['id']}/start")
    alice.wait(item["id"], "Running", "Failed")
    assert SECRET in file.read_text()
    assert cloned(alice, item)["message"] == ""
    assert workbench.execute(item, "cat", train) == "mine\n"
