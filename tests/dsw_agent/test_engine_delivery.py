"""Layers delivered to the real engine, and to ones that fail."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound
from tests.dsw_agent.boxes import LABEL, a_tag
from tests.dsw_agent.deliveries import MIB, Layer, a_tar, configured, random_bytes

from dsw.agent import AgentLayer
from dsw_agent.delivery import Delivered
from dsw_agent.engine import EngineTarget
from dsw_agent.failures import Cancellation, Cancelled, SnapshotFailed
from dsw_agent.image_config import BaseConfig

docker = pytest.mark.docker
BASE = a_tar(base=b"base")
GONE = f"sha256:{'1' * 64}"


def a_config(*diff_ids: str) -> BaseConfig:
    """The configuration of an image with these layers."""
    tree = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}}
    return BaseConfig(json.dumps(tree))


@pytest.fixture
def base(engine: DockerClient) -> Iterator[BaseConfig]:
    """The configuration of an image of one layer that the engine has."""
    name = a_tag().removesuffix(":latest")
    engine.api.import_image_from_data(BASE, repository=name)
    yield a_config(*engine.api.inspect_image(name)["RootFS"]["Layers"])
    engine.images.remove(name)


def deliver(
    base: BaseConfig, tag: str, *layers: Layer, reused: tuple[AgentLayer, ...] = ()
) -> tuple[Delivered, list[AgentLayer]]:
    """From opening to the tag; what was made."""
    with closing(EngineTarget(tag, Cancellation())) as target:
        assert target.open(base, reused)
        added = [*reused, *(target.add(layer) for layer in layers)]
        return target.finish(configured(base, added)), added


def unpacked(engine: DockerClient, image: str) -> list[bytes]:
    """The layers of an image, from below."""
    saved = io.BytesIO(b"".join(engine.images.get(image).save()))
    with tarfile.open(fileobj=saved) as archive:

        def read(name: str) -> bytes:
            member = archive.extractfile(name)
            assert member is not None
            return member.read()

        return [read(name) for name in json.loads(read("manifest.json"))[0]["Layers"]]


def names(layer: bytes) -> list[str]:
    """The paths in an archive; the engine writes archives of its own making."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return archive.getnames()


@docker
def test_several_layers_become_one_image_and_the_next_one_builds_on_it(
    engine: DockerClient, base: BaseConfig
) -> None:
    tag = a_tag()
    contents = [a_tar(one=random_bytes(1, 5 * MIB)), a_tar(two=b"2")]
    done, added = deliver(base, tag, *map(Layer, contents))
    image = engine.api.inspect_image(tag)
    assert (image["Id"], image["Size"]) == (done.image, done.size)
    assert image["RootFS"]["Layers"] == [*base.diff_ids, *(one.diff_id for one in added)]
    assert added[0].diff_id == f"sha256:{hashlib.sha256(contents[0]).hexdigest()}"
    deliver(base, tag, Layer(a_tar(three=b"3")), reused=tuple(added))
    assert [names(layer)[0] for layer in unpacked(engine, tag)] == ["base", "one", "two", "three"]


@docker
def test_a_reused_layer_that_the_engine_lacks_is_told(base: BaseConfig) -> None:
    with closing(EngineTarget(a_tag(), Cancellation())) as target:
        assert not target.open(base, [AgentLayer(diff_id=GONE)])
        assert target.open(base, [])


@docker
def test_a_base_layer_that_the_engine_lacks_is_told(engine: DockerClient) -> None:
    tag = a_tag()
    with pytest.raises(SnapshotFailed, match="no longer has all layers") as caught:
        deliver(a_config(GONE), tag, Layer(a_tar(a=b"a")))
    assert caught.value.reason == "BaseLayersMissing"
    with pytest.raises(ImageNotFound):
        engine.images.get(tag)


@pytest.mark.usefixtures("no_thread_left")
@docker
@pytest.mark.parametrize("phase", ["half-way", "added", "loaded"])
def test_cancelling_leaves_no_image(engine: DockerClient, base: BaseConfig, phase: str) -> None:
    cancellation = Cancellation()
    tag = a_tag()

    def cancel(number: int) -> None:
        if (phase, number) == ("half-way", 30):
            cancellation.ask()

    class Late(EngineTarget):
        def _loaded(self) -> None:
            super()._loaded()
            cancellation.ask()

    def act(target: EngineTarget) -> None:
        added = target.add(Layer(a_tar(a=bytes(50 * MIB)), cancel))
        if phase == "added":
            cancellation.ask()
        target.finish(configured(base, [added], tag))

    with closing((Late if phase == "loaded" else EngineTarget)(tag, cancellation)) as target:
        target.open(base, [])
        with pytest.raises(Cancelled):
            act(target)
    with pytest.raises(ImageNotFound):
        engine.images.get(tag)
    assert not engine.images.list(all=True, filters={"label": f"{LABEL}={tag}"})


@contextmanager
def serving(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """An engine that does with a connection what it likes."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def accept() -> None:
        connection, _ = listening.accept()
        with connection:
            serve(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield str(path)
    finally:
        thread.join()
        listening.close()


def refuse(status: str, body: bytes) -> Callable[[socket.socket], None]:
    """An engine that reads a little and answers."""

    def act(connection: socket.socket) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    return act


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize(
    ("status", "body", "reason", "words"),
    [
        ("500 Broken", b'{"message": "write /x: no space left on device"}', "DiskFull", "is full"),
        ("500 Broken", b'{"message": "odd tar"}', "EngineFailed", "odd tar"),
        ("200 OK", b'{"error": "odd layer"}', "EngineFailed", "odd layer"),
        ("200 OK", b"", "EngineFailed", "did not read all"),
        ("", b"", "EngineUnreachable", "did not answer"),
    ],
)
def test_an_engine_that_gives_up_half_way_ends_the_layer_with_its_words(
    tmp_path: Path, status: str, body: bytes, reason: str, words: str
) -> None:
    serve = refuse(status, body) if status else lambda connection: None
    with (
        serving(tmp_path / "socket", serve) as path,
        closing(EngineTarget("x", Cancellation(), path)) as target,
    ):
        target.open(a_config(GONE), [])
        with pytest.raises(SnapshotFailed, match=words) as caught:
            target.add(Layer(bytes(100 * MIB)))
    assert caught.value.reason == reason


@pytest.mark.usefixtures("no_thread_left")
def test_an_engine_that_hangs_can_be_cancelled(tmp_path: Path) -> None:
    done = threading.Event()
    cancellation = Cancellation()

    def cancel(number: int) -> None:
        if number == 10:
            cancellation.ask()

    with serving(tmp_path / "socket", lambda _: bool(done.wait(60)) and None) as path:
        with closing(EngineTarget("x", cancellation, path)) as target:
            target.open(a_config(GONE), [])
            with pytest.raises(Cancelled):
                target.add(Layer(bytes(100 * MIB), cancel))
        done.set()


def test_a_layer_of_another_size_than_announced_is_a_fault(tmp_path: Path) -> None:
    layer = Layer(b"x" * 1000)
    layer.announced = 2000
    with (
        serving(tmp_path / "socket", lambda connection: None) as path,
        closing(EngineTarget("x", Cancellation(), path)) as target,
    ):
        target.open(a_config(GONE), [])
        with pytest.raises((RuntimeError, SnapshotFailed)):
            target.add(layer)
