"""Control as a client of registries: a real one, and servers that only look like one."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest
from tests.dsw_control.odd_registries import Reply, says, served
from tests.pushes import (
    INSTANCE,
    delete,
    digest_of,
    image_config,
    manifest_of,
    push,
    push_index,
)

from dsw.errors import DswError, Invalid, Unavailable
from dsw.images import ImageUse
from dsw.plan import RegistryLogin
from dsw.references import parse_reference
from dsw.settings import Settings
from dsw_control.assets import registry
from dsw_control.assets.reach import may_reach
from dsw_control.assets.registry import RemoteImage

AUTH = '\nauth: {{htpasswd: {{realm: tests, path: "{file}"}}}}\n'
PASSWORD = "a-password-of-the-tests"
LOGIN = RegistryLogin(username="ada", secret=PASSWORD)
PLATFORM = "linux/amd64"
CONFIG = image_config(INSTANCE)
MANIFEST = manifest_of(CONFIG, b"layer")


def settings_for(address: str) -> Settings:
    """An installation whose own registry is there."""
    return Settings.model_validate({"registry": {"address": address, "insecure": True}})


async def ask(
    address: str, name: str, login: RegistryLogin | None = None, platform: str = PLATFORM
) -> RemoteImage:
    """What the name stands for in the installation's own registry."""
    reference = parse_reference(f"{address}/{name}")
    async with registry.opened(settings_for(address), reference.host, login) as there:
        return await there.image(reference, platform)


@pytest.fixture
def guarded(start_registry: Callable[..., str], tmp_path: Path) -> str:
    """A registry that wants a password."""
    file = tmp_path / "htpasswd"
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    file.write_text(f"ada:{hashed}\n")
    return start_registry(AUTH.format(file=file))


async def test_a_tag_is_resolved_to_the_digest_that_it_has_now(
    start_registry: Callable[..., str],
) -> None:
    address = start_registry()
    digest = push(address, "team/torch:1", CONFIG, b"layer one", b"two")
    found = await ask(address, "team/torch:1")
    assert found.digest == digest
    assert found.size == len(b"layer one") + len(b"two")
    assert (found.config.platform, found.config.use) == (PLATFORM, ImageUse.INSTANCE)
    moved = push(address, "team/torch:1", image_config({"Env": ["A=1"]}))
    assert (await ask(address, "team/torch:1")).digest == moved != digest
    assert (await ask(address, f"team/torch@{digest}")).digest == digest


async def test_an_index_gives_the_image_of_the_engines_platform(
    start_registry: Callable[..., str],
) -> None:
    address = start_registry()
    digests = {
        f"linux/{kind}": push(address, f"multi:{kind}", image_config(architecture=kind))
        for kind in ("amd64", "arm64")
    }
    index = push_index(address, "multi:all", digests)
    for platform, digest in digests.items():
        assert (await ask(address, "multi:all", platform=platform)).digest == digest
        assert (await ask(address, f"multi@{index}", platform=platform)).digest == digest
    with pytest.raises(Invalid, match="linux/amd64, linux/arm64, and this workbench runs linux/s3"):
        await ask(address, "multi:all", platform="linux/s390x")
    with pytest.raises(Invalid, match="is for linux/arm64, and this workbench runs linux/amd64"):
        await ask(address, "multi:arm64")


async def test_a_password_opens_and_a_wrong_one_does_not(guarded: str) -> None:
    digest = push(guarded, "closed:1", CONFIG, auth=("ada", PASSWORD))
    assert (await ask(guarded, "closed:1", LOGIN)).digest == digest
    wrong = RegistryLogin(username="ada", secret="wrong-password")
    for login in (None, wrong):
        with pytest.raises(Invalid, match="does not let us read") as refusal:
            await ask(guarded, "closed:1", login)
        assert "wrong-password" not in refusal.value.sentence


async def test_what_is_not_there_is_told_and_a_deleted_manifest_too(
    start_registry: Callable[..., str],
) -> None:
    address = start_registry()
    digest = push(address, "team/torch:1", CONFIG)
    reference = parse_reference(f"{address}/team/torch@{digest}")
    async with registry.opened(settings_for(address), address, None) as there:
        assert await there.has(reference)
        delete(address, "team/torch", digest)
        assert not await there.has(reference)
    for name in ("team/torch:1", "never:1", f"team/torch@{digest}"):
        with pytest.raises(Invalid, match="has no image"):
            await ask(address, name)


async def test_a_token_is_fetched_from_the_service_that_the_registry_names() -> None:
    def token(_: str, headers: dict[str, str]) -> Reply:
        known = headers.get("authorization", "").startswith("Basic ")
        return says({"token": "t0ken"}) if known else says({}, 401)

    with served(token) as service:

        def reply(path: str, headers: dict[str, str]) -> Reply:
            if headers.get("authorization") != "Bearer t0ken":
                challenge = (
                    f'Bearer realm="http://{service.address}/token",service="r",'
                    'scope="repository:team/torch:pull"'
                )
                return says({}, 401, WWW_Authenticate=challenge)
            return says(CONFIG if "/blobs/" in path else MANIFEST)

        with served(reply) as there:
            found = await ask(there.address, "team/torch:1", LOGIN)
            assert found.digest == digest_of(MANIFEST)
            assert there.authorizations() == {"", "Bearer t0ken"}
            (asked, _), *more = service.asked
            assert not more
            assert asked == "/token?service=r&scope=repository%3Ateam%2Ftorch%3Apull"
            with pytest.raises(Invalid, match="does not let us read"):
                await ask(there.address, "team/torch:1")


async def test_storage_that_a_registry_redirects_to_never_sees_the_login() -> None:
    with served(lambda *_: says(CONFIG)) as storage:

        def reply(path: str, headers: dict[str, str]) -> Reply:
            if not headers.get("authorization", "").startswith("Basic "):
                return says({}, 401, WWW_Authenticate='Basic realm="r"')
            if "/blobs/" in path:
                return says(b"", 307, Location=f"http://{storage.address}/bucket/x?signed=1")
            return says(MANIFEST)

        with served(reply) as there:
            found = await ask(there.address, "team/torch:1", LOGIN)
    assert found.config.use is ImageUse.INSTANCE
    assert [path for path, _ in storage.asked] == ["/bucket/x?signed=1"]
    assert storage.authorizations() == {""}


async def test_a_challenge_of_the_storage_gets_no_login() -> None:
    challenge = 'Basic realm="give me"'
    with served(lambda *_: says({}, 401, WWW_Authenticate=challenge)) as storage:

        def reply(path: str, headers: dict[str, str]) -> Reply:
            if "/blobs/" in path:
                return says(b"", 302, Location=f"http://{storage.address}/x")
            return says(MANIFEST)

        with served(reply) as there, pytest.raises(Invalid, match="does not let us read"):
            await ask(there.address, "team/torch:1", LOGIN)
    assert storage.authorizations() == {""}


def endless(path: str, _: dict[str, str]) -> Reply:
    """Sends from here to itself."""
    return says(b"", 307, Location=path)


OTHER = image_config({"Env": ["OTHER=1"]})


@pytest.mark.parametrize(
    ("manifest", "config", "sentence"),
    [
        (b"x" * (4 * 2**20 + 1), CONFIG, "sends more than 4194304 bytes"),
        (b'{"layers":' + b"[" * 200_000, CONFIG, "not an image that can be run"),
        (b"<html>hello</html>", CONFIG, "not an image that can be run"),
        (b"[]", CONFIG, "not an image that can be run"),
        (b"\xff\xfe", CONFIG, "not an image that can be run"),
        (json.dumps({"schemaVersion": 1, "fsLayers": []}).encode(), CONFIG, "not an image"),
        (MANIFEST.replace(b"sha256:", b"sha256:/../"), CONFIG, "not an image"),
        (MANIFEST, OTHER, "answered with another image than sha256:"),
        (manifest_of(b"[]"), b"[]", "not an image that can be run"),
        (manifest_of(b'{"os": "../x"}'), b'{"os": "../x"}', "not an image that can be run"),
        (
            json.dumps(
                {"config": {"digest": digest_of(b""), "size": 2**40}, "layers": []}
            ).encode(),
            CONFIG,
            "is larger than any image needs",
        ),
        (
            json.dumps(
                {"config": {"digest": digest_of(b""), "size": 1}, "layers": [{"size": -1}]}
            ).encode(),
            CONFIG,
            "not an image that can be run",
        ),
    ],
)
async def test_what_is_no_image_is_refused_with_a_sentence(
    manifest: bytes, config: bytes, sentence: str
) -> None:
    def reply(path: str, _: dict[str, str]) -> Reply:
        return says(config if "/blobs/" in path else manifest)

    with served(reply) as there, pytest.raises(Invalid, match=sentence):
        await ask(there.address, "team/torch:1")


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (endless, "sends from one address to the next"),
        (lambda *_: says({}, 500), "answered 500"),
        (lambda *_: says({}, 429), "asked too often"),
        (lambda *_: says({"secret": "of another service"}, 403), "does not let us read"),
        (lambda *_: says({}, 401, WWW_Authenticate="Bearer realm=x"), "does not answer"),
        (lambda *_: says({}, 401, WWW_Authenticate='Bearer realm="h:/\x01"'), "names no address"),
        (lambda *_: says(b"", 302, Location="gopher://127.0.0.1/"), "does not answer"),
        (lambda *_: says(b"", 302, Location="http://10.255.255.1/"), "only reached over https"),
    ],
)
async def test_a_registry_that_misbehaves_is_told_in_a_sentence(
    reply: Callable[..., Reply], sentence: str
) -> None:
    with served(reply) as there, pytest.raises(DswError, match=sentence) as refusal:
        await ask(there.address, "team/torch:1")
    assert "of another service" not in refusal.value.sentence


async def test_a_registry_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ALL_SECONDS", 0.5)
    ended = threading.Event()

    def wait(*_: Any) -> Reply:
        ended.wait(30)
        return says(b"")

    with served(wait) as there:
        with pytest.raises(Unavailable, match="does not answer in time"):
            await ask(there.address, "team/torch:1")
        ended.set()


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("93.184.216.34", True),
        ("10.1.2.3", True),
        ("192.168.7.7", True),
        ("172.20.0.5", True),
        ("fd12:3456::1", True),
        ("2606:4700::1111", True),
        ("::ffff:10.1.2.3", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("0.0.0.0", False),
        ("0.1.2.3", False),
        ("169.254.169.254", False),
        ("169.254.1.1", False),
        ("100.100.100.200", False),
        ("168.63.129.16", False),
        ("192.0.0.192", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("::127.0.0.1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
    ],
)
def test_only_some_addresses_may_be_reached(text: str, fine: bool) -> None:
    assert may_reach(ip_address(text)) is fine


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433.nip", "0", "169.254.169.254", "0x7f.1"]
)
async def test_a_registry_of_a_user_is_not_looked_for_on_this_machine(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if host == "2130706433.nip":
        _resolve(monkeypatch, "127.0.0.1")
    with served(lambda *_: says(MANIFEST)) as there:
        port = there.address.partition(":")[2]
        reference = parse_reference(f"{host}:{port}/team/torch:1")
        settings = settings_for("127.0.0.1:1")
        with pytest.raises(Invalid, match="where images may not come from"):
            async with registry.opened(settings, reference.host, LOGIN) as registry_there:
                await registry_there.image(reference, PLATFORM)
    assert not there.asked


async def test_a_name_that_resolves_to_another_address_the_next_time_reaches_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection goes to the address that was checked: nobody resolves the name again."""
    with served(lambda *_: says(MANIFEST)) as there:
        resolved = _resolve(monkeypatch, "192.0.2.1", "127.0.0.1")
        port = int(there.address.partition(":")[2])
        connected: list[Any] = []

        async def connect(*_: Any, **kwargs: Any) -> Any:
            connected.append(kwargs["remote_host"])
            raise OSError("not from a test")

        monkeypatch.setattr("anyio.connect_tcp", connect)
        reference = parse_reference(f"rebind.example.org:{port}/team/torch:1")
        with pytest.raises(Unavailable):
            async with registry.opened(Settings(), reference.host, LOGIN) as registry_there:
                await registry_there.image(reference, PLATFORM)
    assert resolved == ["rebind.example.org"]
    assert connected == ["192.0.2.1"]
    assert not there.asked


def _resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Names resolve to these addresses, one after the other; the names that were asked for."""
    asked: list[str] = []
    left = list(addresses)

    async def getaddrinfo(_: Any, host: str, port: int | None, **__: Any) -> list[Any]:
        asked.append(host)
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 443))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = parse_reference("there-is-none.invalid/team/torch:1")
    with pytest.raises(Unavailable, match=r"there-is-none\.invalid does not answer"):
        async with registry.opened(Settings(), reference.host, None) as there:
            await there.image(reference, PLATFORM)


async def test_proxies_of_the_environment_do_not_get_around_the_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with served(lambda *_: says(MANIFEST)) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        with pytest.raises(Invalid, match="may not come from"):
            await _ask_untrusted("127.0.0.1:9/team/torch:1")
    assert not proxy.asked


async def _ask_untrusted(text: str) -> None:
    reference = parse_reference(text)
    async with registry.opened(Settings(), reference.host, None) as there:
        await there.image(reference, PLATFORM)


def test_an_open_client_says_nothing_of_the_login() -> None:
    assert PASSWORD not in repr(LOGIN)
    assert PASSWORD not in str(httpx.Headers({"authorization": registry.basic(LOGIN)}))
