"""Buckets as folders: a real S3 server and rclone's own mount, and what happens when they die."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import httpx
import pytest
from tests.dsw_agent.nodes import LONG, Instance, NodeWorld, Source, a_node
from tests.object_stores import ACCESS_KEY_ID, SECRET, ObjectStoreServer, object_store
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw.mounts import MountReason
from dsw.node_mounts import ObjectStore, SourceRequest, SourceState, WarmRequest
from dsw_agent.mounting.store_source import Patience

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to mount needs root")

KEY = "ds-1-ro"
TEXT = "a cat\n"
SOON = Patience(period=0.2, ask=1, answer=2, store=1, pauses=(0.2,))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    with object_store(tmp_path_factory.mktemp("store")) as started:
        yield started


@pytest.fixture
def bucket(server: ObjectStoreServer, request: pytest.FixtureRequest) -> str:
    name = server.bucket("b" + str(abs(hash(request.node.name)) % 10**9))
    server.put(name, "train/cat.txt", TEXT)
    server.put(name, "train/deep/er/dog.bin", b"d" * 3_000_000)
    server.put(name, "test/bird.txt", "a bird\n")
    return name


@pytest.fixture
def node() -> Iterator[NodeWorld]:
    with a_node() as world:
        (world.stage.parent / "cache").mkdir()
        yield world


@pytest.fixture
def instance(node: NodeWorld) -> Iterator[Instance]:
    started = node.instance()
    yield started
    started.end()


def asking(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, **changes: object
) -> SourceRequest:
    store = ObjectStore(
        provider="Other",
        endpoint=server.url,
        bucket=bucket,
        access_key_id=ACCESS_KEY_ID,
        secret=SECRET,
    )
    request = SourceRequest(
        key=KEY, store=store, cache=str(node.stage.parent / "cache"), cache_bytes=50_000_000
    )
    return request.model_copy(update=changes)


def ready(node: NodeWorld, request: SourceRequest, patience: Patience = SOON) -> Source:
    source = node.source(request, patience)
    source.becomes(SourceState.READY)
    return source


def test_a_bucket_is_seen_in_an_instance_and_goes_without_a_trace(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, instance: Instance
) -> None:
    source = ready(node, asking(node, server, bucket))
    [attached] = node.apply(node.attaching(source=KEY, seen="", path="train"))
    assert attached.ok, attached
    assert instance.sh("cat /mnt/dynamic/photos/cat.txt") == TEXT.strip()
    assert "Read-only file system" in instance.sh("echo x > /mnt/dynamic/photos/new")
    owner = instance.sh("stat -c '%u %g %a' /mnt/dynamic/photos/cat.txt")
    assert owner == "1000 1000 664"
    [missing] = node.apply(node.attaching("none", source=KEY, seen="", path="none"))
    assert missing.reason is MountReason.SOURCE_GONE
    node.sh(f"umount {node.anchor('dynamic', 'photos')}")
    assert source.end() == 0
    assert node.mounted() == []
    assert node.sh(f"ls {node.shared}/sources") == ""
    assert "rclone" not in node.sh("cat /proc/[0-9]*/comm")
    assert node.sh(f"ls -A {node.stage}") == ""
    assert SECRET not in "".join(source.lines)


def attached(node: NodeWorld, instance: Instance, path: str = "") -> None:
    [result] = node.apply(node.attaching(source=KEY, seen="", path=path))
    assert result.ok, result


def rclone(node: NodeWorld) -> str:
    """Its process id in the node's namespaces."""
    return node.sh("grep -lx rclone /proc/[0-9]*/comm | cut -d/ -f3")


def device(node: NodeWorld) -> str:
    point = f"{node.shared}/sources/{KEY}"
    return node.sh(f"grep ' {point} ' /proc/self/mountinfo | cut -d' ' -f3")


def test_readers_of_a_dead_rclone_get_an_error_until_it_is_mounted_again(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, instance: Instance
) -> None:
    source = ready(node, asking(node, server, bucket))
    attached(node, instance, "train")
    before = device(node)
    node.sh(f"kill -KILL {rclone(node)}")
    assert "not connected" in instance.sh("cat /mnt/dynamic/photos/cat.txt")
    eventually(lambda: device(node) not in ("", before), LONG)
    source.becomes(SourceState.READY)
    states = [report.state for report in source.reports]
    assert SourceState.DEGRADED in states
    degraded = source.reports[states.index(SourceState.DEGRADED)]
    assert degraded.reason is MountReason.SOURCE_UNREACHABLE
    # What is dead in the instance gives way to the new one.
    attached(node, instance, "train")
    assert instance.sh("cat /mnt/dynamic/photos/cat.txt") == TEXT.strip()
    assert len(node.mounted()) == 2
    source.end()


def test_readers_of_a_hanging_rclone_get_an_error(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, instance: Instance
) -> None:
    source = ready(node, asking(node, server, bucket))
    attached(node, instance)
    node.sh(f"kill -STOP {rclone(node)}")
    reader = instance.start("sh", "-c", "cat /mnt/dynamic/photos/test/bird.txt 2>&1")
    assert reader.process.wait(LONG) == 1
    reader.end()
    assert "connect" in "".join(reader.lines)
    eventually(lambda: "did not answer" in "".join(source.lines), LONG)
    source.becomes(SourceState.READY)
    attached(node, instance)
    assert instance.sh("cat /mnt/dynamic/photos/test/bird.txt") == "a bird"
    source.end()


def test_a_step_that_meets_a_hanging_mount_is_refused_in_time(
    node: NodeWorld, server: ObjectStoreServer, bucket: str
) -> None:
    source = ready(node, asking(node, server, bucket), Patience(answer=LONG))
    node.sh(f"kill -STOP {rclone(node)}")
    results = node.apply(node.attaching(source=KEY, seen="", path="train"), node.attaching("two"))
    assert [result.ok for result in results] == [False, True]
    assert results[0].reason is MountReason.SOURCE_UNREACHABLE
    assert "did not answer within 8 seconds" in results[0].message
    node.sh(f"kill -CONT {rclone(node)}")
    source.end()


def test_who_waits_for_a_store_that_hangs_gets_an_error(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, instance: Instance
) -> None:
    source = ready(node, asking(node, server, bucket))
    attached(node, instance)
    assert instance.sh("ls /mnt/dynamic/photos/train/deep/er") == "dog.bin"
    with server.hanging():
        reader = instance.start("sh", "-c", "cat /mnt/dynamic/photos/train/deep/er/dog.bin 2>&1")
        assert reader.process.wait(LONG) == 1
        reader.end()
        assert source.becomes(SourceState.DEGRADED).reason is MountReason.SOURCE_UNREACHABLE
    source.becomes(SourceState.READY)
    attached(node, instance)
    assert instance.sh("wc -c < /mnt/dynamic/photos/train/deep/er/dog.bin") == "3000000"
    source.end()


def test_a_store_that_is_away_for_a_while_takes_away_nothing_that_is_cached(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, instance: Instance
) -> None:
    source = ready(node, asking(node, server, bucket), Patience(period=0.2, ask=1, store=1))
    attached(node, instance)
    assert instance.sh("cat /mnt/dynamic/photos/train/cat.txt") == TEXT.strip()
    before = device(node)
    with server.hanging():
        degraded = source.becomes(SourceState.DEGRADED)
        assert "does not answer in time" in degraded.message
        assert instance.sh("cat /mnt/dynamic/photos/train/cat.txt") == TEXT.strip()
    source.becomes(SourceState.READY)
    assert device(node) == before
    source.end()


def test_what_is_written_is_stored_before_the_source_ends(
    node: NodeWorld, server: ObjectStoreServer, bucket: str, instance: Instance
) -> None:
    patience = Patience(period=0.2, uploads=LONG)
    source = ready(node, asking(node, server, bucket, read_only=False), patience)
    [result] = node.apply(node.attaching(source=KEY, seen="", read_only=False))
    assert result.ok
    instance.sh("echo written > /mnt/dynamic/photos/new.txt; mkdir /mnt/dynamic/photos/made")
    instance.sh("head -c 2000000 /dev/zero > /mnt/dynamic/photos/made/big")
    node.sh(f"umount {node.anchor('dynamic', 'photos')}")
    assert source.end() == 0
    assert server.get(bucket, "new.txt") == b"written\n"
    assert len(server.get(bucket, "made/big")) == 2_000_000
    assert any(report.percent is not None for report in source.reports)


def test_a_cache_is_filled_with_progress(
    node: NodeWorld, server: ObjectStoreServer, bucket: str
) -> None:
    source = ready(node, asking(node, server, bucket))
    lines = node.warm(WarmRequest(key=KEY, path="train"))
    last = lines[-1]
    assert (last.done, last.failed, last.message) == (True, False, "")
    assert (last.files_done, last.files_total) == (2, 2)
    assert last.bytes_done == last.bytes_total == 3_000_000 + len(TEXT)
    assert lines[0].bytes_total == last.bytes_total
    asked = len([path for _, path in server.asked() if path.startswith(f"/{bucket}/train/")])
    assert node.warm(WarmRequest(key=KEY, path="train"))[-1].done
    again = len([path for _, path in server.asked() if path.startswith(f"/{bucket}/train/")])
    assert again == asked
    eventually(lambda: source.reports[-1].bytes_read >= 2 * 3_000_000, LONG)
    assert 3_000_000 <= source.reports[-1].bytes_fetched < 4_000_000
    assert not node.warm(WarmRequest(key=KEY, path="none"))[-1].done
    assert node.warm(WarmRequest(key="ds-2-ro"))[-1].message == "The dataset is not mounted."
    source.end()


def test_no_argument_has_the_secret(
    node: NodeWorld, server: ObjectStoreServer, bucket: str
) -> None:
    source = ready(node, asking(node, server, bucket))
    line = node.sh(f"tr '\\0' ' ' < /proc/{rclone(node)}/cmdline")
    assert "mount" in line
    assert SECRET not in line
    source.end()


def refusal(node: NodeWorld, request: SourceRequest) -> tuple[MountReason, str]:
    source = node.source(request)
    source.process.wait(LONG)
    assert source.end() == 1
    last = source.reports[-1]
    assert last.state is SourceState.FAILED
    assert SECRET not in "".join(source.lines)
    assert node.mounted() == []
    return last.reason, last.message


@contextmanager
def guarded(server: ObjectStoreServer) -> Iterator[tuple[str, str]]:
    """The server looks at signatures within the block; a key id and secret that it takes."""
    unsigned = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    iam = boto3.client("iam", endpoint_url=server.url, **unsigned)
    iam.create_user(UserName="reader")
    rights = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]
    policy = json.dumps({"Version": "2012-10-17", "Statement": rights})
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    httpx.post(f"{server.url}/moto-api/reset-auth", content=b"0").raise_for_status()
    try:
        yield key["AccessKeyId"], key["SecretAccessKey"]
    finally:
        httpx.post(f"{server.url}/moto-api/reset-auth", content=b"inf").raise_for_status()


def test_credentials_that_the_store_takes_and_others(
    node: NodeWorld, server: ObjectStoreServer, bucket: str
) -> None:
    request = asking(node, server, bucket)
    assert request.store
    with guarded(server) as (key_id, secret):
        own = request.store.model_copy(update={"access_key_id": key_id, "secret": secret})
        source = ready(node, request.model_copy(update={"store": own}))
        assert node.sh(f"cat {node.shared}/sources/{KEY}/train/cat.txt") == TEXT.strip()
        source.end()
        wrong = own.model_copy(update={"secret": SECRET})
        for store, code in (
            (wrong, "SignatureDoesNotMatch"),
            (request.store, "InvalidAccessKeyId"),
        ):
            reason, message = refusal(node, request.model_copy(update={"store": store}))
            assert reason is MountReason.REFUSED
            assert f"does not take the credentials for the bucket {bucket} ({code})" in message


def test_a_start_that_fails_says_why(node: NodeWorld, server: ObjectStoreServer) -> None:
    reason, message = refusal(node, asking(node, server, "no-such-bucket"))
    assert reason is MountReason.SOURCE_GONE
    assert message.startswith("There is no bucket no-such-bucket at 127.0.0.1:")
    request = asking(node, server, "b")
    assert request.store
    closed = f"http://127.0.0.1:{an_unused_port()}"
    store = request.store.model_copy(update={"endpoint": closed})
    reason, message = refusal(node, request.model_copy(update={"store": store}))
    assert reason is MountReason.SOURCE_UNREACHABLE
    assert "cannot be reached: connection refused" in message
