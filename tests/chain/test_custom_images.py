"""An image of a registry with a password: added by its reference, run, saved, deleted."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker as docker_sdk
import pytest
from tests.chain.test_save_as_image import save
from tests.chain.test_with_registry import AUTH, htpasswd
from tests.dsw_spawners.images import build
from tests.polling import eventually
from tests.pushes import delete, has, image_config, push
from tests.workbenches import TestBench, docker

from dsw.names import container_name

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("minimal_image")]

OWN = ("dsw", "the-installations-own-password")
ROBOT = ("robot", "the-robots-password")
TOOLS = "tools/custom"


@pytest.fixture
def registry(start_registry: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """A registry that the installation uses, and in it a user of the team's own."""
    file = tmp_path / "htpasswd"
    file.write_text(htpasswd(*OWN) + htpasswd(*ROBOT))
    address = start_registry(AUTH.format(file=file))
    yield address
    names = "{{.Repository}} {{.Tag}} {{.Digest}}"
    for line in docker("image", "ls", "--digests", "--format", names).splitlines():
        repository, tag, digest = line.split()
        if repository.startswith(address):
            docker(
                "image",
                "rm",
                f"{repository}@{digest}" if tag == "<none>" else f"{repository}:{tag}",
            )


@pytest.fixture
def bench(registry: str, tmp_path: Path) -> Iterator[TestBench]:
    """A workbench that pushes to that registry."""
    settings = f"""
[registry]
address = "{registry}"
username = "{OWN[0]}"
insecure = true
"""
    made = TestBench(tmp_path / "data", "chaincust", settings)
    file = made.data / "secrets" / "registry"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_text(OWN[1])
    made.up()
    yield made
    made.down()


def push_tools(registry: str) -> str:
    """An image on top of ours that only the registry has; its digest there."""
    text = secrets.token_hex(8)
    built = build(
        f"FROM jupyterhub-dsw/minimal:latest\nRUN echo {text} > /opt/venv/custom\n"
        "LABEL dsw.label.framework=Tools\n",
        "custom",
    )
    client = docker_sdk.from_env()
    try:
        client.images.get(built).tag(f"{registry}/{TOOLS}", "1")
        login = {"username": ROBOT[0], "password": ROBOT[1]}
        lines = client.images.push(
            f"{registry}/{TOOLS}", "1", auth_config=login, stream=True, decode=True
        )
        digests = [line["aux"]["Digest"] for line in lines if "aux" in line]
    finally:
        client.close()
    docker("image", "rm", f"{registry}/{TOOLS}:1", "dsw-test/custom:latest")
    return str(digests[-1])


def test_a_custom_image_is_added_run_saved_and_deleted(bench: TestBench, registry: str) -> None:
    digest = push_tools(registry)
    push(registry, "tools/job:1", image_config({"Cmd": ["true"]}), auth=ROBOT)
    alice = bench.user("alice")
    body = {"name": "custom", "reference": f"{registry}/{TOOLS}:1"}
    refused = alice.http.post("images", json=body)
    assert refused.status_code == 422, "the installation's own login is not for users' references"
    stored = bench.admin.http.post(
        "credentials",
        json={
            "name": "robot",
            "kind": "registry",
            "host": registry,
            "username": ROBOT[0],
            "secret": ROBOT[1],
        },
    )
    assert stored.status_code == 201, stored.text
    body["credential"] = stored.json()["id"]
    image = alice.http.post("images", json=body).json()
    assert (image["digest"], image["use"]) == (f"{registry}/{TOOLS}@{digest}", "instance")
    assert image["labels"] == {
        "framework": "Tools",
        "python": "3.11",
        "cuda": "",
        "os": "Debian 12",
    }
    job = alice.http.post("images", json=body | {"reference": f"{registry}/tools/job:1"}).json()
    refused = alice.http.post("instances", json={"image": job["id"], "spec": "tiny", "name": "j"})
    assert "for jobs only" in refused.json()["detail"]

    item = alice.running(display_name="first", image=image["id"])
    assert item["state"] == "Running", item
    assert len(bench.execute(item, "cat", "/opt/venv/custom")) == 17
    _no_secret_in(bench, item)

    done = save(alice, item, "saved")
    assert done["state"] == "Saved", done
    saved = alice.get(f"images/{done['image_id']}")
    assert (saved["use"], saved["labels"]) == ("instance", image["labels"])
    assert saved["visibility"] == "private"
    config = json.loads(docker("image", "inspect", image["digest"]))[0]["Config"]
    assert config["Labels"]["dsw.instance"] == "1"
    second = alice.running(display_name="second", image=saved["id"])
    assert second["state"] == "Running", second
    lineage = [one["name"] for one in alice.get(f"images/{saved['id']}/lineage")["items"]]
    assert lineage == ["custom", "saved"]

    assert alice.http.delete(f"images/{saved['id']}").status_code == 409
    alice.delete(second["id"])
    repository, _, pushed = saved["digest"].removeprefix(f"{registry}/").partition("@")
    assert has(registry, repository, pushed, OWN)
    bench.kill("control")
    bench.wait_until_ready()
    assert alice.http.delete(f"images/{saved['id']}").status_code == 204
    eventually(lambda: not has(registry, repository, pushed, OWN), 90)
    assert has(registry, TOOLS, digest, ROBOT)

    alice.delete(item["id"])
    _gone_from_everywhere(bench, registry, image)


def _no_secret_in(bench: TestBench, item: Any) -> None:
    """The robot's password is in no file, container or process of the workbench."""
    name = container_name(bench.installation, item["id"])
    assert ROBOT[1] not in docker("inspect", name)
    environments = bench.execute(item, "sh", "-c", "cat /proc/*/environ 2>/dev/null; true")
    assert "JUPYTERHUB_API_TOKEN" in environments
    assert ROBOT[1] not in environments
    for path in bench.data.rglob("*"):
        if path.is_file():
            assert ROBOT[1].encode() not in path.read_bytes(), path


def _gone_from_everywhere(bench: TestBench, registry: str, image: Any) -> None:
    """A start says so when the image left its registry and the engine."""
    alice = bench.user("alice")
    delete(registry, TOOLS, image["digest"].partition("@")[2], ROBOT)
    docker("image", "rm", image["digest"])
    item = alice.wait(alice.create(image=image["id"])["id"], "Failed")
    assert item["reason"] == "ImageGone", item
    checked = alice.http.post(f"images/{image['id']}/check").json()
    assert (checked["available"], checked["hint"]) == (
        False,
        "Its registry does not have it any more.",
    )
    alice.delete(item["id"])
