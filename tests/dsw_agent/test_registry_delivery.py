"""Layers delivered to a real registry, also one that is killed meanwhile."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from docker import DockerClient
from tests.dsw_agent.deliveries import MIB, Base, Layer, a_tar, configured, random_bytes
from tests.dsw_agent.relays import Loss, relayed
from tests.registries import RegistryServer

from dsw_agent import registry as registry_module
from dsw_agent.delivery import Delivered
from dsw_agent.failures import Cancellation, Cancelled, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.registry import RegistryTarget

REPOSITORY = "dsw/img"
BELOW = [a_tar(below=b"below"), a_tar(above=b"above")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RegistryServer]:
    """A registry that a test may kill."""
    storage = tmp_path / "registry"
    storage.mkdir()
    one = RegistryServer(storage)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def base(server: RegistryServer) -> Base:
    """The image below."""
    return Base(server.address)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "CHUNK", MIB)


def deliver(base: Base, *layers: Layer, **changes: Any) -> Delivered:
    """From opening to the tag."""
    with closing(RegistryTarget(base.target(**changes), Cancellation())) as target:
        assert target.open(base.config, [])
        added = [target.add(layer) for layer in layers]
        return target.finish(configured(base.config, added))


def unpacked(server: RegistryServer, tag: str = "v2") -> list[bytes]:
    """The layers above the base, with all digests checked."""
    manifest = server.manifest(REPOSITORY, tag)
    config = json.loads(server.blob(REPOSITORY, manifest["config"]["digest"]))
    contents = []
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        blob = server.blob(REPOSITORY, layer["digest"])
        assert layer["digest"] == f"sha256:{hashlib.sha256(blob).hexdigest()}"
        assert layer["size"] == len(blob)
        if layer["mediaType"].endswith("zstd"):
            content = (
                zstandard.ZstdDecompressor().stream_reader(blob, read_across_frames=True).read()
            )
        else:
            content = gzip.decompress(blob)
        assert diff_id == f"sha256:{hashlib.sha256(content).hexdigest()}"
        contents.append(content)
    return [content for content in contents if content not in BELOW]


def test_layers_lie_above_the_bases_and_come_back_as_they_were(
    server: RegistryServer, base: Base
) -> None:
    first, second = a_tar(a=random_bytes(1, 20 * MIB), b=b"text " * MIB), a_tar(c=b"c")
    done = deliver(base, Layer(first), Layer(second))
    assert unpacked(server) == [first, second]
    manifest = server.manifest(REPOSITORY, "v2")
    assert done.size == sum(layer["size"] for layer in manifest["layers"])
    assert manifest["mediaType"].startswith("application/vnd.docker")
    assert manifest["layers"][-1]["mediaType"].endswith("docker.image.rootfs.diff.tar.gzip")
    assert server.manifest(REPOSITORY, done.image.partition("@")[2]) == manifest
    assert not server.uploads()


def test_zstd_makes_an_oci_image_of_a_docker_base(server: RegistryServer, base: Base) -> None:
    content = a_tar(a=b"text " * MIB, b=random_bytes(1, 3 * MIB))
    deliver(base, Layer(content), compression="zstd")
    assert unpacked(server) == [content]
    manifest = server.manifest(REPOSITORY, "v2")
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    kind = "application/vnd.oci.image.layer.v1.tar+"
    assert [layer["mediaType"] for layer in manifest["layers"]] == [
        f"{kind}{one}" for one in ("gzip", "gzip", "zstd")
    ]


def test_a_reused_layer_stays_as_it_is_whatever_it_was_packed_with(
    server: RegistryServer, base: Base
) -> None:
    content = a_tar(a=b"text " * MIB)
    with closing(RegistryTarget(base.target(compression="zstd"), Cancellation())) as target:
        target.open(base.config, [])
        first = target.add(Layer(content))
        target.finish(configured(base.config, [first]))
    with closing(RegistryTarget(base.target(tag="v3"), Cancellation())) as target:
        assert target.open(base.config, [first])
        second = target.add(Layer(a_tar(b=b"b")))
        target.finish(configured(base.config, [first, second]))
    assert unpacked(server, "v3") == [content, a_tar(b=b"b")]
    assert server.manifest(REPOSITORY, "v3")["mediaType"].startswith("application/vnd.oci")


def test_a_reused_layer_that_is_gone_is_told_and_all_is_sent(
    server: RegistryServer, base: Base
) -> None:
    with closing(RegistryTarget(base.target(), Cancellation())) as target:
        target.open(base.config, [])
        layer = target.add(Layer(a_tar(a=b"a")))
    with closing(RegistryTarget(base.target(), Cancellation())) as target:
        assert not target.open(base.config, [layer])
        added = target.add(Layer(a_tar(b=b"b")))
        target.finish(configured(base.config, [added]))
    assert unpacked(server) == [a_tar(b=b"b")]


def test_layers_that_are_put_together_anew_leave_the_bases_lowest_ones(
    server: RegistryServer, base: Base
) -> None:
    kept = base.config.without_top(1)
    with closing(RegistryTarget(base.target(), Cancellation())) as target:
        assert target.open(kept, [])
        added = target.add(Layer(a_tar(above=b"other")))
        target.finish(configured(kept, [added]))
    manifest = server.manifest(REPOSITORY, "v2")
    assert len(manifest["layers"]) == 2
    assert unpacked(server) == [a_tar(above=b"other")]


def test_a_base_of_other_layers_than_the_instances_is_told(
    server: RegistryServer, base: Base
) -> None:
    tree = {"rootfs": {"diff_ids": [base.config.diff_ids[0], f"sha256:{'1' * 64}"]}}
    with (
        closing(RegistryTarget(base.target(), Cancellation())) as target,
        pytest.raises(SnapshotFailed, match="other layers") as caught,
    ):
        target.open(BaseConfig(json.dumps(tree)), [])
    assert caught.value.reason == "BaseLayersMissing"


def test_a_configuration_that_names_other_layers_is_a_fault(
    server: RegistryServer, base: Base
) -> None:
    with closing(RegistryTarget(base.target(), Cancellation())) as target:
        target.open(base.config, [])
        target.add(Layer(a_tar(a=b"a")))
        with pytest.raises(RuntimeError, match="other layers"):
            target.finish(configured(base.config, []))
    assert server.tags(REPOSITORY) == []


@pytest.mark.parametrize("chunk", [1, 12, 23], ids=["first", "middle", "late"])
def test_a_registry_that_is_killed_half_way_and_comes_back_gets_all(
    server: RegistryServer, base: Base, chunk: int
) -> None:
    content = a_tar(a=random_bytes(1, 24 * MIB))
    killed = threading.Event()

    def kill(number: int) -> None:
        if number == chunk and not killed.is_set():
            killed.set()
            server.kill()
            threading.Timer(1, server.start).start()

    deliver(base, Layer(content, kill))
    assert killed.is_set()
    assert unpacked(server) == [content]


def test_a_registry_that_is_killed_between_chunks_goes_on_where_it_was(
    server: RegistryServer, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = a_tar(a=random_bytes(1, 40 * MIB))
    gathered = registry_module._gathered

    def killing(parts: Any) -> Iterator[list[bytes]]:
        for number, chunk in enumerate(gathered(parts)):
            if number == 2:
                server.kill()
                threading.Timer(1, server.start).start()
            yield chunk

    monkeypatch.setattr(registry_module, "_gathered", killing)
    layer = Layer(content)
    with closing(RegistryTarget(base.target(), Cancellation())) as target:
        target.open(base.config, [])
        added = target.add(layer)
        monkeypatch.setattr(registry_module, "_gathered", gathered)
        target.finish(configured(base.config, [added]))
    assert layer.begun == 1
    assert unpacked(server) == [content]


class Losing:
    """Loses the nth request of a kind, once."""

    def __init__(self, method: str, part: str, loss: Loss, number: int = 1) -> None:
        self._method, self._part, self._loss, self._left = method, part, loss, number
        self.done = False

    def __call__(self, method: str, path: str) -> Loss | None:
        self._left -= method == self._method and re.search(self._part, path) is not None
        if self._left or self.done:
            return None
        self.done = True
        return self._loss


@pytest.mark.parametrize("loss", [*Loss])
@pytest.mark.parametrize(
    ("method", "part", "number"),
    [
        ("GET", "team/base/manifests", 1),
        ("POST", "mount=", 1),
        ("POST", "img/blobs/uploads", 2),
        ("PATCH", "_state", 1),
        ("PATCH", "_state", 2),
        ("PUT", "img/.*digest=", 1),
        ("PUT", "manifests/sha256", 1),
        ("PUT", "manifests/v2", 1),
    ],
)
def test_whatever_is_lost_once_the_image_is_whole(
    server: RegistryServer, method: str, part: str, number: int, loss: Loss
) -> None:
    losing = Losing(method, part, loss, number)
    content = a_tar(a=random_bytes(1, 3 * MIB))
    with relayed(server.address, losing) as address:
        deliver(Base(address), Layer(content))
    assert losing.done
    assert unpacked(server) == [content]


def test_an_upload_that_is_lost_again_and_again_is_told(
    server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "LATER", 2.0)

    def lose(method: str, path: str) -> Loss | None:
        return Loss.HALF if method == "PATCH" else None

    with relayed(server.address, lose) as address, pytest.raises(SnapshotFailed) as caught:
        deliver(Base(address), Layer(a_tar(a=random_bytes(1, 3 * MIB))))
    assert caught.value.reason == "RegistryUnreachable"
    assert server.tags(REPOSITORY) == []


@pytest.mark.usefixtures("no_thread_left")
def test_a_registry_that_stays_away_is_told_within_its_time(
    server: RegistryServer, base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "LATER", 2.0)

    def stop(number: int) -> None:
        if number == 20:
            server.kill()

    with pytest.raises(SnapshotFailed, match=r"did not answer.*Save again") as caught:
        deliver(base, Layer(a_tar(a=random_bytes(1, 40 * MIB)), stop))
    assert caught.value.reason == "RegistryUnreachable"


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("phase", ["begun", "half-way", "added", "configured"])
def test_cancelling_leaves_neither_tag_nor_upload_nor_blob(
    server: RegistryServer, base: Base, phase: str
) -> None:
    cancellation = Cancellation()

    def cancel(number: int) -> None:
        if (phase, number) in (("begun", 0), ("half-way", 20)):
            cancellation.ask()

    with closing(RegistryTarget(base.target(), cancellation)) as target:
        target.open(base.config, [])
        mounted = server.links(REPOSITORY)
        target._verify = lambda _: cancellation.ask()  # type: ignore[method-assign]

        def act() -> None:
            added = target.add(Layer(a_tar(a=random_bytes(1, 40 * MIB)), cancel))
            if phase == "added":
                cancellation.ask()
            target.finish(configured(base.config, [added]))

        with pytest.raises(Cancelled):
            act()
    assert server.tags(REPOSITORY) == []
    assert server.links(REPOSITORY) == mounted
    assert not server.uploads()


def test_a_blob_that_is_gone_before_the_end_leaves_no_tag(
    server: RegistryServer, base: Base
) -> None:
    with closing(RegistryTarget(base.target(), Cancellation())) as target:
        target.open(base.config, [])
        added = target.add(Layer(a_tar(a=b"a")))
        gone = httpx.delete(f"http://{server.address}/v2/{REPOSITORY}/blobs/{added.digest}")
        assert gone.status_code == 202
        with pytest.raises(SnapshotFailed, match="does not have it") as caught:
            target.finish(configured(base.config, [added]))
    assert caught.value.reason == "RegistryFailed"
    assert server.tags(REPOSITORY) == []


def test_a_cancelled_snapshot_takes_nothing_from_its_twin(
    server: RegistryServer, base: Base
) -> None:
    content = a_tar(a=b"the same")
    cancellation = Cancellation()
    with closing(RegistryTarget(base.target(tag="v3"), cancellation)) as twin:
        twin.open(base.config, [])
        twin.add(Layer(content))
        deliver(base, Layer(content))
    assert unpacked(server) == [content]


def test_of_two_snapshots_with_one_tag_the_last_one_wins_whole(
    server: RegistryServer, base: Base
) -> None:
    contents = [a_tar(a=random_bytes(seed, 5 * MIB)) for seed in range(4)]
    done: list[Delivered] = []
    threads = [
        threading.Thread(target=lambda one=one: done.append(deliver(base, Layer(one))))
        for one in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 4
    (layer,) = unpacked(server)
    assert layer in contents
    assert server.tags(REPOSITORY) == ["v2"]


def test_an_empty_layer_is_a_layer(server: RegistryServer, base: Base) -> None:
    deliver(base, Layer(a_tar()), Layer(a_tar()))
    assert unpacked(server) == [a_tar(), a_tar()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("room", [False, True], ids=["full", "filling"])
def test_a_registry_whose_disk_is_full_is_told(small_disk: Path, room: bool) -> None:
    storage = small_disk / "registry"
    storage.mkdir()
    server = RegistryServer(storage)
    server.start()
    try:
        base = Base(server.address)
        if not room:
            with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass
        with pytest.raises(SnapshotFailed, match="The disk of the registry") as caught:
            deliver(base, Layer(a_tar(a=random_bytes(1, 40 * MIB))))
        assert caught.value.reason == "DiskFull"
        assert server.tags(REPOSITORY) == []
    finally:
        server.stop()


@pytest.mark.usefixtures("no_thread_left")
def test_a_registry_that_hangs_does_not_keep_a_cancelled_snapshot(
    server: RegistryServer, base: Base
) -> None:
    cancellation = Cancellation()
    process = server._process
    assert process is not None

    def hang(number: int) -> None:
        if number == 10:
            process.send_signal(signal.SIGSTOP)
            cancellation.ask()

    began = time.monotonic()
    try:
        with closing(RegistryTarget(base.target(), cancellation)) as target:
            target.open(base.config, [])
            with pytest.raises(Cancelled):
                target.add(Layer(a_tar(a=random_bytes(1, 40 * MIB)), hang))
    finally:
        process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 40
    assert server.tags(REPOSITORY) == []


@pytest.mark.docker
def test_the_engine_pulls_what_was_delivered(
    engine: DockerClient, server: RegistryServer, base: Base
) -> None:
    content = a_tar(a=b"text " * MIB, b=random_bytes(1, 9 * MIB), c=b"text " * MIB)
    done = deliver(base, Layer(content), Layer(a_tar(d=b"d")))
    pulled = engine.images.pull(done.image)
    try:
        digest = hashlib.sha256(content).hexdigest()
        assert pulled.attrs["RootFS"]["Layers"][2] == f"sha256:{digest}"
        assert len(pulled.attrs["RootFS"]["Layers"]) == 4
    finally:
        engine.images.remove(done.image)
