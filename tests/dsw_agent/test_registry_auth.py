"""Whom the agent shows its credentials, and what it does when they are refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.dsw_agent.small_registry import SmallRegistry, a_client, push, serving

from dsw_agent.failures import SnapshotFailed

LOGIN: dict[str, Any] = {"username": "ann", "password": "right"}


class WantsToken(SmallRegistry):
    """Sends clients to its realm, which wants a password."""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        assert base64.b64decode(given) == b"ann:right"
        assert "service=reg" in self.path
        self.answer(200, json.dumps({"token": "t1"}).encode())

    def do_POST(self) -> None:
        if self.headers.get("Authorization") == "Bearer t1":
            super().do_POST()
            return
        host = self.headers["Host"]
        realm = f'Bearer realm="http://{host}/token",service="reg",scope="repository:x:push,pull"'
        self.answer(401, WWW_Authenticate=realm)

    def do_PATCH(self) -> None:
        assert self.headers["Authorization"] == "Bearer t1"
        super().do_PATCH()


def test_a_token_is_fetched_once_where_the_registry_asks_for_it() -> None:
    with serving(WantsToken) as (host, kind), a_client(host, **LOGIN) as registry:
        push(registry)
        push(registry)
    assert kind.asked.count("GET /token") == 1


class NamesARealmInTheClear(SmallRegistry):
    def do_POST(self) -> None:
        self.answer(401, WWW_Authenticate='Bearer realm="http://realm.invalid/token"')


class NamesNoRealm(SmallRegistry):
    def do_POST(self) -> None:
        self.answer(401, WWW_Authenticate="Bearer")


@pytest.mark.parametrize("handler", [NamesARealmInTheClear, NamesNoRealm])
def test_a_password_goes_to_no_realm_in_the_clear(handler: type[SmallRegistry]) -> None:
    with (
        serving(handler) as (host, kind),
        a_client(host, limit=1, **LOGIN) as registry,
        pytest.raises(SnapshotFailed, match="refused access") as caught,
    ):
        push(registry)
    assert caught.value.reason == "RegistryRefused"
    assert kind.asked == ["POST /v2/x/blobs/uploads/"]


class ObjectStore(SmallRegistry):
    """Where another host's uploads go; it must not be shown any credential."""

    shown: ClassVar[list[str]] = []

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        self.shown.extend(value for name, value in self.headers.items() if "uthor" in name)
        return parsed

    def do_PATCH(self) -> None:
        body = self.body()
        self.stored.extend(body)
        self.answer(202, Range=self.stored_range(), Location="/go-on")

    def do_PUT(self) -> None:
        self.answer(201)

    def do_HEAD(self) -> None:
        self.answer(200, b"12345")


def test_another_host_that_takes_the_upload_sees_no_credential(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret-token")
    with serving(ObjectStore) as (store, kind):

        class SendsElsewhere(SmallRegistry):
            def do_POST(self) -> None:
                assert self.headers["Authorization"] == "Bearer secret-token"
                self.answer(202, Location=f"http://{store}/upload?signature=s")

            def do_HEAD(self) -> None:
                self.answer(307, Location=f"http://{store}/blob")

        with (
            serving(SendsElsewhere) as (host, _),
            a_client(host, token_file=str(token)) as registry,
        ):
            push(registry)
            assert registry.blob_size("x", "sha256:1") == 5
    assert kind.stored == b"abcdefgh"
    assert ObjectStore.shown == []


class Asks(SmallRegistry):
    """Another host that would like to have a password."""

    def do_HEAD(self) -> None:
        host = self.headers["Host"]
        self.answer(401, WWW_Authenticate=f'Bearer realm="http://{host}/token"')


def test_another_host_that_asks_for_the_password_does_not_get_it() -> None:
    with serving(Asks) as (elsewhere, kind):

        class SendsElsewhere(SmallRegistry):
            def do_HEAD(self) -> None:
                self.answer(307, Location=f"http://{elsewhere}/blob")

        with (
            serving(SendsElsewhere) as (host, _),
            a_client(host, **LOGIN) as registry,
            pytest.raises(SnapshotFailed, match="refused access"),
        ):
            registry.blob_size("x", "sha256:1")
    assert kind.asked == ["HEAD /blob"]


class TakesOneToken(SmallRegistry):
    """Takes the token that is in a file."""

    file: ClassVar[Path]

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if self.headers.get("Authorization") != f"Bearer {self.file.read_text()}":
            self.answer(401, WWW_Authenticate='Bearer realm="http://127.0.0.1:1/"')
            self.close_connection = True
            return False
        return parsed


class WantsNewTokens(TakesOneToken):
    """Takes a token for a chunk."""

    def do_PATCH(self) -> None:
        super().do_PATCH()
        self.file.write_text(f"token-{len(self.stored)}")


def test_a_token_file_is_read_again_when_the_token_was_refused(tmp_path: Path) -> None:
    token = TakesOneToken.file = tmp_path / "token"
    token.write_text("token-0")
    with (
        serving(WantsNewTokens) as (host, kind),
        a_client(host, token_file=str(token)) as registry,
    ):
        push(registry, b"abcd", b"efgh", b"ijkl")
    assert kind.stored == b"abcdefghijkl"


def test_a_token_that_is_late_is_waited_for(tmp_path: Path) -> None:
    TakesOneToken.file = tmp_path / "valid"
    TakesOneToken.file.write_text("new")
    given = tmp_path / "given"
    given.write_text("old")

    class Renews(TakesOneToken):
        def parse_request(self) -> bool:
            if len(self.asked) == 4:
                given.write_text("new\n")
            return super().parse_request()

    with serving(Renews) as (host, kind), a_client(host, token_file=str(given)) as registry:
        push(registry)
    assert kind.stored == b"abcdefgh"


@pytest.mark.parametrize("content", ["wrong", None], ids=["wrong", "missing"])
def test_a_token_that_stays_refused_is_told(tmp_path: Path, content: str | None) -> None:
    TakesOneToken.file = tmp_path / "valid"
    TakesOneToken.file.write_text("right")
    given = tmp_path / "given"
    if content:
        given.write_text(content)
    with (
        serving(TakesOneToken) as (host, _),
        a_client(host, limit=1, token_file=str(given)) as registry,
        pytest.raises(SnapshotFailed) as caught,
    ):
        push(registry)
    assert caught.value.reason == "RegistryRefused"
    assert "wrong" not in caught.value.sentence
