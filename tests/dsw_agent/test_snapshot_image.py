"""The image that a snapshot makes: its configuration, its lineage, and what is not in it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import IO

import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import Box, Outcome, a_request, a_tag

from dsw.agent import AgentTarget
from dsw.snapshots import SnapshotState

pytestmark = pytest.mark.docker

Save = Callable[..., Outcome]


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None
    return found


def test_the_configuration_is_the_base_images_own(
    engine: DockerClient, start_box: Callable[..., Box], save: Save, base_with_secret: str
) -> None:
    box = start_box(base_with_secret, environment={"TOKEN": "planted", "MODE": "other"})
    box.sh("echo x > /opt/x")
    tag = a_tag()
    target = AgentTarget(kind="engine", tag=tag)
    done = save(a_request(box, target, labels={"dsw-test-agent": "", "dsw.id": "img-1"}))
    image = engine.api.inspect_image(tag)
    base = engine.api.inspect_image(base_with_secret)
    assert done.last.image == image["Id"]
    assert done.last.size == image["Size"]
    for key in ("Env", "Cmd", "Entrypoint", "User", "WorkingDir"):
        assert image["Config"][key] == base["Config"][key], key
    assert image["Config"]["Labels"] == {**base["Config"]["Labels"], "dsw.id": "img-1"}
    assert image["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]
    assert image["Created"] == "2026-01-02T03:04:05Z"
    assert image["Author"] == "alice"
    history = engine.api.history(tag)
    assert history[0]["Comment"] == "a test"
    assert [line["CreatedBy"] for line in history[1:]] == [
        line["CreatedBy"] for line in engine.api.history(base_with_secret)
    ]


def test_the_containers_environment_is_nowhere_in_the_image(
    engine: DockerClient, start_box: Callable[..., Box], save: Save
) -> None:
    planted = "planted-7f3a9c"
    box = start_box(environment={"JUPYTERHUB_API_TOKEN": planted}, hostname=planted)
    box.sh("apt-get --version > /opt/x; env > /tmp/environment; env > /run/environment")
    done = save(a_request(box))
    everything = b"".join(engine.images.get(done.last.image).save())
    assert b"dsw-agent snapshot" in everything
    assert planted.encode() not in everything


def test_the_engine_can_give_the_image_away_again(
    engine: DockerClient, box: Box, save: Save
) -> None:
    box.sh("echo x > /opt/x; rm /etc/issue; rm -r /etc/pam.d; mkdir /etc/pam.d")
    done = save(a_request(box))
    saved = io.BytesIO(b"".join(engine.images.get(done.last.image).save()))
    with tarfile.open(fileobj=saved) as archive:
        manifest = json.load(_member(archive, "manifest.json"))[0]
        layer = _member(archive, manifest["Layers"][-1])
        with tarfile.open(fileobj=layer) as content:
            names = content.getnames()
    assert {"opt/x", "etc/.wh.issue", "etc/pam.d/.wh..wh..opq"} <= set(names)


def test_a_snapshot_of_a_snapshot_has_both_changes(
    engine: DockerClient, box: Box, saved_box: Callable[..., Box]
) -> None:
    box.sh("echo one > /opt/one; echo two > /opt/two; rm /etc/issue")
    second = saved_box(box)
    second.sh("rm /opt/one; echo three > /opt/three; ls /opt")
    third = saved_box(second)
    assert sorted(path.name for path in (third.root / "opt").iterdir()) == ["three", "two"]
    assert not (third.root / "etc/issue").exists()
    image = engine.api.inspect_image(third.container.attrs["Image"])
    assert len(image["RootFS"]["Layers"]) == 3
    lines = [line["CreatedBy"] for line in engine.api.history(image["Id"])]
    assert len([line for line in lines if line.startswith("dsw-agent")]) == 2


def test_what_was_installed_works_in_the_new_image(box: Box, saved_box: Callable[..., Box]) -> None:
    box.sh("printf '#!/bin/sh\\necho hello $1\\n' > /usr/local/bin/hello")
    box.sh("chmod 755 /usr/local/bin/hello; useradd --uid 1500 --create-home worker")
    again = saved_box(box)
    assert again.sh("hello world") == "hello world\n"
    assert again.sh("id -nu 1500") == "worker\n"
    assert again.sh("stat -c %U /home/worker") == "worker\n"


def test_an_untouched_container_makes_an_image_too(box: Box, saved_box: Callable[..., Box]) -> None:
    assert (saved_box(box).root / "etc/os-release").exists()


def test_progress_is_told_in_order_with_bytes(box: Box, save: Save) -> None:
    box.sh("head -c 300000000 /dev/urandom > /opt/big")
    done = save(a_request(box))
    states = [report.state for report in done.reports]
    order = [SnapshotState.PREPARING, SnapshotState.COPYING, SnapshotState.PUSHING]
    assert list(dict.fromkeys(states)) == [*order, SnapshotState.SAVED]
    counts = [report.bytes_done for report in done.reports]
    assert counts == sorted(counts)
    assert done.last.bytes_total is not None
    assert done.last.bytes_total > 300_000_000
    assert len(done.reports) < 60


def test_the_password_of_a_request_is_not_repeated(box: Box, save: Save) -> None:
    target = AgentTarget(
        kind="registry",
        tag="x",
        repository="127.0.0.1:1/x",
        base=f"127.0.0.1:1/base@sha256:{'0' * 64}",
        insecure=True,
        username="u",
        password="pass-5d1e",
    )
    done = save(a_request(box, target))
    assert done.code == 1
    assert "pass-5d1e" not in done.errors + "".join(r.model_dump_json() for r in done.reports)
