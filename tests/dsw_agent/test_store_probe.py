"""The question to an object store, without a store: where it goes, and how it is called."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from dsw.mounts import MountReason
from dsw.node_mounts import ObjectStore, SourceRequest
from dsw_agent.mounting import rclone, store_probe
from dsw_agent.mounting.refusals import MountRefused

STORE = ObjectStore(
    provider="Alibaba",
    endpoint="https://oss.example.org",
    bucket="pets",
    prefix="cats/young/",
    access_key_id="ID",
    secret="a secret",
)


@pytest.mark.parametrize(
    ("path_style", "address"),
    [(True, "https://oss.example.org/pets"), (False, "https://pets.oss.example.org/")],
)
def test_the_bucket_is_in_the_path_or_in_the_host(path_style: bool, address: str) -> None:
    store = STORE.model_copy(update={"path_style": path_style, "region": "cn-x"})
    url, headers = store_probe._request(store, datetime(2026, 5, 1, tzinfo=UTC))
    assert url == f"{address}?max-keys=1&prefix=cats%2Fyoung%2F"
    assert headers["host"] == httpx.URL(url).host
    assert "Credential=ID/20260501/cn-x/s3/aws4_request" in headers["authorization"]
    assert "secret" not in repr((url, headers))


def test_an_open_bucket_is_asked_without_a_signature() -> None:
    store = STORE.model_copy(update={"access_key_id": "", "endpoint": "oss.example.org"})
    url, headers = store_probe._request(store, datetime.now(UTC))
    assert url.startswith("https://oss.example.org/pets?")
    assert headers == {}


@pytest.mark.parametrize(
    ("status", "code", "reason", "words"),
    [
        (403, "AccessDenied", MountReason.REFUSED, "does not take the credentials"),
        (404, "NoSuchBucket", MountReason.SOURCE_GONE, "There is no bucket pets at"),
        (503, "SlowDown", MountReason.SOURCE_UNREACHABLE, "it answers with SlowDown"),
        (301, "PermanentRedirect", MountReason.REFUSED, "Check the endpoint, the region"),
        (403, "RequestTimeTooSkewed", MountReason.REFUSED, "the clock of the node"),
    ],
)
def test_an_answer_is_told_in_words(
    status: int, code: str, reason: MountReason, words: str
) -> None:
    error = store_probe._refusal(STORE, status, f"<Error><Code>{code}</Code></Error>")
    assert (error.reason, words in error.sentence) == (reason, True)


def test_a_name_that_nobody_knows_is_unreachable() -> None:
    store = STORE.model_copy(update={"endpoint": "http://nowhere.invalid"})
    with pytest.raises(MountRefused) as info:
        store_probe.probe(store)
    assert info.value.reason is MountReason.SOURCE_UNREACHABLE
    assert info.value.sentence.startswith("The object store at nowhere.invalid cannot be reached: ")


def asking(**changes: object) -> SourceRequest:
    request = SourceRequest(key="k", store=STORE, cache="/cache", cache_bytes=1000)
    return request.model_copy(update=changes)


def test_rclone_mounts_the_prefix_with_a_bounded_cache() -> None:
    command = rclone.arguments(asking(), "/shared/sources/k", "/stage/s")
    assert command[1:4] == ["mount", "D:pets/cats/young", "/shared/sources/k"]
    assert {"--read-only", "--vfs-cache-mode=full", "--vfs-cache-max-size=1000B"} <= set(command)
    assert {"--cache-dir=/cache", "--allow-other", "--uid=1000", "--gid=1000"} <= set(command)
    assert "a secret" not in " ".join(command)


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({"cache": ""}, "off"),
        ({"cache_bytes": 0}, "off"),
        ({"cache_bytes": 0, "read_only": False}, "writes"),
    ],
)
def test_without_room_there_is_no_cache(changes: dict[str, object], mode: str) -> None:
    command = rclone.arguments(asking(**changes), "/p", "/s")
    assert f"--vfs-cache-mode={mode}" in command
    assert ("--read-only" in command) == ("read_only" not in changes)


def test_rclone_sees_the_one_store_and_no_other_configuration(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "AWS_PROFILE": "x",
        "rclone_config": "y",
        "RCLONE_CONFIG_D_TYPE": "z",
    }
    seen = rclone.environment(STORE, str(tmp_path), environ)
    assert seen.keys() & environ.keys() == {"PATH", "RCLONE_CONFIG_D_TYPE"}
    assert seen["RCLONE_CONFIG_D_TYPE"] == "s3"
    assert seen["RCLONE_CONFIG_D_SECRET_ACCESS_KEY"] == "a secret"
    assert seen["RCLONE_CONFIG_D_NO_CHECK_BUCKET"] == "true"
