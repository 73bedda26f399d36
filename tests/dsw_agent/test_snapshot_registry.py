"""Snapshots that are pushed to a real registry."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import Box, Outcome, a_request, finish, start_agent

from dsw.agent import AgentTarget
from dsw.snapshots import SnapshotState

pytestmark = pytest.mark.docker

Save = Callable[..., Outcome]
OCI = "application/vnd.oci.image.manifest.v1+json"
HTPASSWD = "auth: {{htpasswd: {{realm: test, path: {path}}}}}"


def push_base(engine: DockerClient, image: str, address: str) -> str:
    """Push an image as the base; `host:port/base@sha256:...`."""
    repository = f"{address}/team/base"
    engine.images.get(image).tag(repository, "v1")
    told = engine.images.push(repository, "v1", stream=True, decode=True)
    digests = [line["aux"]["Digest"] for line in told if "aux" in line]
    engine.images.remove(f"{repository}:v1")
    return f"{repository}@{digests[0]}"


def a_target(base: str, **changes: Any) -> AgentTarget:
    """A target in the registry of the base."""
    values = {
        "kind": "registry",
        "tag": "v2",
        "repository": f"{base.partition('/')[0]}/dsw/img-1",
        "base": base,
        "insecure": True,
    }
    return AgentTarget.model_validate(values | changes)


def manifest_of(reference: str, tag: str) -> dict[str, Any]:
    """The manifest behind a tag, with its digest checked."""
    host, _, repository = reference.partition("@")[0].partition("/")
    answer = httpx.get(
        f"http://{host}/v2/{repository}/manifests/{tag}",
        headers={"Accept": f"{OCI}, application/vnd.docker.distribution.manifest.v2+json"},
    )
    assert answer.status_code == 200, answer.text
    assert reference.endswith(f"@sha256:{hashlib.sha256(answer.content).hexdigest()}")
    tree: dict[str, Any] = answer.json()
    return tree


def test_a_pushed_image_can_be_pulled_and_run(
    engine: DockerClient, box: Box, save: Save, start_registry: Callable[..., str], start_box: Any
) -> None:
    base = push_base(engine, box.container.attrs["Image"], start_registry())
    box.sh("echo x > /opt/x; rm -r /etc/pam.d /etc/issue; head -c 40000000 /dev/urandom > /opt/r")
    done = save(a_request(box, a_target(base)))
    assert done.code == 0, (done.last, done.errors)
    manifest = manifest_of(done.last.image, "v2")
    assert done.last.size == sum(layer["size"] for layer in manifest["layers"])
    engine.images.pull(done.last.image)
    again = start_box(done.last.image)
    assert (again.root / "opt/x").read_text() == "x\n"
    assert (again.root / "opt/r").read_bytes() == (box.root / "opt/r").read_bytes()
    assert not (again.root / "etc/issue").exists()


def test_the_layer_is_gzip_and_its_digests_are_true(
    engine: DockerClient, box: Box, save: Save, start_registry: Callable[..., str]
) -> None:
    address = start_registry()
    base = push_base(engine, box.container.attrs["Image"], address)
    box.sh("echo x > /opt/x")
    done = save(a_request(box, a_target(base)))
    manifest = manifest_of(done.last.image, "v2")
    blobs = f"http://{address}/v2/dsw/img-1/blobs"
    layer = httpx.get(f"{blobs}/{manifest['layers'][-1]['digest']}").content
    config = httpx.get(f"{blobs}/{manifest['config']['digest']}").json()
    diff_id = hashlib.sha256(gzip.decompress(layer)).hexdigest()
    assert config["rootfs"]["diff_ids"][-1] == f"sha256:{diff_id}"
    assert config["history"][-1]["author"] == "alice"


def test_an_oci_base_makes_an_oci_image_and_an_index_is_looked_into(
    engine: DockerClient, box: Box, save: Save, start_registry: Callable[..., str]
) -> None:
    address = start_registry()
    base = push_base(engine, box.container.attrs["Image"], address)
    base = as_oci_index(address, base)
    raw = box.base_config()
    config = {key: raw[key] for key in ("architecture", "os", "rootfs")}
    done = save(a_request(box, a_target(base), base_config=json.dumps(config)))
    assert done.code == 0, (done.last, done.errors)
    manifest = manifest_of(done.last.image, "v2")
    assert manifest["mediaType"] == OCI
    assert manifest["layers"][-1]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"


def as_oci_index(address: str, base: str) -> str:
    """Store the base once more as an OCI manifest behind an OCI index."""
    repository, _, digest = base.partition("/")[2].partition("@")
    docker_type = "application/vnd.docker.distribution.manifest.v2+json"
    url = f"http://{address}/v2/{repository}/manifests"
    tree = httpx.get(f"{url}/{digest}", headers={"Accept": docker_type}).json()
    tree["mediaType"] = OCI
    tree["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json"
    for layer in tree["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
    body = json.dumps(tree).encode()
    inner = store(url, OCI, body)
    index_type = "application/vnd.oci.image.index.v1+json"
    descriptor = {"mediaType": OCI, "digest": inner, "size": len(body)}
    platform = {"os": "linux", "architecture": "amd64"}
    other = {"os": "linux", "architecture": "riscv64"}
    manifests = [{**descriptor, "platform": one} for one in (other, platform)]
    index = {"schemaVersion": 2, "mediaType": index_type, "manifests": manifests}
    outer = store(url, index_type, json.dumps(index).encode())
    return f"{address}/{repository}@{outer}"


def store(url: str, media_type: str, body: bytes) -> str:
    """Store a manifest by its digest; the digest."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    answer = httpx.put(f"{url}/{digest}", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 201, answer.text
    return digest


def test_a_registry_with_a_password_takes_the_right_one_only(
    engine: DockerClient,
    box: Box,
    save: Save,
    start_registry: Callable[..., str],
    htpasswd: Path,
) -> None:
    address = start_registry(HTPASSWD.format(path=htpasswd))
    image = engine.images.get(box.container.attrs["Image"])
    image.tag(f"{address}/base", "v1")
    credentials = {"username": "ann", "password": "right"}
    told = engine.images.push(
        f"{address}/base", "v1", auth_config=credentials, stream=True, decode=True
    )
    digest = next(line["aux"]["Digest"] for line in told if "aux" in line)
    engine.images.remove(f"{address}/base:v1")
    base = f"{address}/base@{digest}"
    good = save(a_request(box, a_target(base, **credentials)))
    assert good.code == 0, (good.last, good.errors)
    bad = save(a_request(box, a_target(base, username="ann", password="wrong")))
    assert (bad.code, bad.last.reason) == (1, "RegistryRefused")
    assert "wrong" not in bad.last.message


@pytest.fixture
def htpasswd(tmp_path: Path) -> Path:
    """A password file with the user ann, whose password is `right`."""
    path = tmp_path / "htpasswd"
    path.write_text("ann:$2b$05$C7v9LZW.m/M1caf0zNTOluIOC3g4PWu04vV/7fhqFXkHwIowHKUXG\n")
    return path


def test_a_base_that_the_registry_lacks_is_told(
    box: Box, save: Save, start_registry: Callable[..., str]
) -> None:
    base = f"{start_registry()}/team/base@sha256:{'0' * 64}"
    done = save(a_request(box, a_target(base)))
    assert (done.code, done.last.reason) == (1, "BaseLayersMissing")
    assert "team/base" in done.last.message


def test_a_registry_that_is_not_there_is_told(box: Box, save: Save) -> None:
    done = save(a_request(box, a_target(f"127.0.0.1:1/base@sha256:{'0' * 64}")))
    assert (done.code, done.last.reason) == (1, "RegistryUnreachable")
    assert "127.0.0.1:1" in done.last.message


def test_cancelling_a_push_leaves_neither_tag_nor_upload(
    engine: DockerClient,
    box: Box,
    start_registry: Callable[..., str],
    tmp_path: Path,
) -> None:
    address = start_registry()
    base = push_base(engine, box.container.attrs["Image"], address)
    with (box.root / "opt/huge").open("wb") as file:
        file.write(b"x" * 50_000_000)
        file.truncate(50_000_000_000)
    agent = start_agent(a_request(box, a_target(base)), tmp_path)
    assert agent.stdout is not None
    line = ""
    while "Copying" not in line:
        line = agent.stdout.readline()
    agent.send_signal(signal.SIGTERM)
    done = finish(agent, timeout=30)
    assert (done.code, done.last.state) == (3, SnapshotState.CANCELLED)
    assert httpx.get(f"http://{address}/v2/dsw/img-1/tags/list").status_code == 404
    assert not list(tmp_path.glob("registry-*/**/img-1/_uploads/*/data"))
