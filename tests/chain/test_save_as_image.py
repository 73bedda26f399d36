"""A running instance becomes an image of the catalog, and the next instance starts from it."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker

pytestmark = pytest.mark.docker


def save(user: User, item: Any, name: str, timeout: float = 120) -> Any:
    """The ended snapshot."""
    answer = user.http.post(f"instances/{item['id']}/snapshots", json={"name": name})
    assert answer.status_code == 202, answer.text

    def look() -> Any:
        now = user.get(f"snapshots/{answer.json()['id']}")
        return now if now["state"] in ("Saved", "Failed", "Cancelled") else None

    return eventually(look, timeout)


def test_the_next_instance_has_what_was_installed_and_lacks_what_was_deleted(
    workbench: TestBench, alice: User
) -> None:
    item = alice.running(display_name="first")
    workbench.execute(item, "sh", "-c", "echo tool > /opt/venv/bin/tool; echo w > ~/in-home")
    workbench.execute(item, "rm", "-r", "/etc/skel", "/etc/debian_version", user="0")
    done = save(alice, item, "with tool")
    assert done["state"] == "Saved", done
    image = alice.get(f"images/{done['image_id']}")
    assert image["source"] == "snapshot"
    assert image["parent_id"] == item["image_id"]
    assert image["instance_id"] == item["id"]
    assert image["owner"] == "alice"
    assert image["name"] == "with tool"
    second = alice.running(display_name="second", image=image["id"])
    assert workbench.execute(second, "cat", "/opt/venv/bin/tool") == "tool\n"
    gone = ["sh", "-c", "ls -d /etc/skel /etc/debian_version 2>/dev/null; true"]
    assert workbench.execute(second, *gone) == ""
    assert workbench.execute(second, "cat", "/mnt/workspace/in-home") == "w\n"
    workbench.execute(second, "sh", "-c", "echo both > /mnt/workspace/shared-by-both")
    assert workbench.execute(item, "cat", "/mnt/workspace/shared-by-both") == "both\n"
    # A snapshot of a snapshot keeps both layers.
    workbench.execute(second, "sh", "-c", "echo more > /opt/venv/bin/more")
    third = alice.running(display_name="third", image=save(alice, second, "with more")["image_id"])
    assert workbench.execute(third, "cat", "/opt/venv/bin/tool", "/opt/venv/bin/more") == (
        "tool\nmore\n"
    )


def test_no_secret_of_the_instance_is_in_the_image(
    workbench: TestBench, alice: User, tmp_path: Path
) -> None:
    item = alice.running(display_name="secretive")
    token = json.loads(workbench.execute(item, "cat", "/run/dsw/environment"))[
        "JUPYTERHUB_API_TOKEN"
    ]
    places = "/root/.ssh/id_rsa /root/.aws/credentials /root/.netrc /tmp/x /run/y"
    plant = f"mkdir -p /root/.ssh /root/.aws && echo {token} | tee {places}"
    workbench.execute(item, "sh", "-c", plant, user="0")
    done = save(alice, item, "clean")
    assert done["state"] == "Saved", done
    digest = alice.get(f"images/{done['image_id']}")["digest"]
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        subprocess.run(["docker", "save", digest], stdout=file, check=True)
    config = json.loads(docker("image", "inspect", digest))[0]
    assert "JUPYTERHUB" not in json.dumps(config["Config"])
    names = set()
    for member, data in contents(archive):
        assert token.encode() not in data, member
        if member.endswith("layer.tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                names |= set(layer.getnames())
    assert "opt/venv/bin/python3" in names
    assert not names & {"root/.ssh/id_rsa", "root/.aws/credentials", "root/.netrc", "tmp/x"}


def contents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the layers, the history and the configuration of a saved image."""
    with tarfile.open(archive) as outer:
        for member in outer:
            if (file := outer.extractfile(member)) is not None:
                yield member.name, file.read()


def test_progress_is_told_in_bytes(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="big")
    workbench.execute(item, "dd", "if=/dev/urandom", "of=/opt/venv/big", "bs=1M", "count=300")
    answer = alice.http.post(f"instances/{item['id']}/snapshots", json={"name": "big"})
    assert answer.json()["state"] == "Preparing"
    eventually(lambda: alice.state(item["id"]) == "Saving", 20, every=0.02)
    again = alice.http.post(f"instances/{item['id']}/snapshots", json={"name": "again"})
    assert again.status_code == 409
    assert "is being saved as 'big'" in again.json()["detail"]
    seen: list[tuple[int, int]] = []

    def look() -> bool:
        now = alice.get(f"snapshots/{answer.json()['id']}")
        if now["bytes_total"]:
            seen.append((now["bytes_done"], now["bytes_total"]))
        return now["state"] == "Saved"

    eventually(look, 120, every=0.05)
    assert seen[-1][0] == seen[-1][1] >= 300 * 1024**2
    assert any(0 < done < total for done, total in seen), "progress is told on the way"
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_cancelled_snapshot_leaves_nothing(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="cancel")
    workbench.execute(item, "dd", "if=/dev/urandom", "of=/opt/venv/big", "bs=1M", "count=600")
    before = set(docker("image", "ls", "-q", "--no-trunc").split())
    answer = alice.http.post(f"instances/{item['id']}/snapshots", json={"name": "cancelled"})
    path = f"snapshots/{answer.json()['id']}"
    eventually(lambda: alice.get(path)["state"] == "Copying", 30, every=0.02)
    assert alice.http.post(f"{path}/cancel").status_code == 202
    eventually(lambda: alice.get(path)["state"] == "Cancelled", 60)
    eventually(lambda: workbench.containers("agent", every=True) == [], 20)
    assert set(docker("image", "ls", "-q", "--no-trunc").split()) <= before
    assert "cancelled" not in [i["name"] for i in alice.get("images")["items"]]
    assert alice.state(item["id"]) == "Running"
    assert alice.http.post(f"{path}/cancel").status_code == 409


def test_an_image_in_use_cannot_be_deleted(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="source")
    image = save(alice, item, "in use")["image_id"]
    digest = alice.get(f"images/{image}")["digest"]
    user = alice.create(display_name="user", image=image, start=False)
    refused = alice.http.delete(f"images/{image}")
    assert refused.status_code == 409
    assert "is in use by instances: alice/user." in refused.json()["detail"]
    alice.delete(user["id"])
    assert alice.http.delete(f"images/{image}").status_code == 204
    inspect = ["docker", "image", "inspect", digest]
    eventually(lambda: subprocess.run(inspect, capture_output=True, check=False).returncode != 0)
    official = alice.http.delete(f"images/{alice.image()}")
    assert official.status_code == 409


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101])
def test_a_wrong_name_is_refused(alice: User, name: str) -> None:
    item = alice.create(display_name="names", start=False)
    answer = alice.http.post(f"instances/{item['id']}/snapshots", json={"name": name})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("name:")


def test_an_instance_that_never_ran_cannot_be_saved(alice: User) -> None:
    item = alice.create(display_name="never ran", start=False)
    done = save(alice, item, "nothing")
    assert done["state"] == "Failed"
    assert "no container" in done["message"]


def test_the_server_extension_saves_its_own_instance(workbench: TestBench, alice: User) -> None:
    item = alice.running(display_name="from lab")
    assert alice.server(item, "dsw/api/instance").json()["id"] == item["id"]
    metrics = alice.server(item, "dsw/api/metrics").json()
    assert json.dumps(metrics)
    answer = alice.server(item, "dsw/api/snapshots", "POST", json={"name": "from lab"})
    assert answer.status_code in (201, 202), answer.text
    path = f"dsw/api/snapshots/{answer.json()['id']}"
    eventually(lambda: alice.server(item, path).json()["state"] == "Saved", 60)
