"""Registries that lie, drop connections, are full, or send the agent elsewhere."""

from __future__ import annotations

import json

import pytest
from tests.dsw_agent.small_registry import SmallRegistry, a_client, push, serving

from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.patience import Away, Patience
from dsw_agent.registry_upload import UploadLost


class LosesBytes(SmallRegistry):
    def stored_range(self) -> str:
        return "0-2"


class SaysNoRange(SmallRegistry):
    def stored_range(self) -> str:
        return ""


class StoresSomethingElse(SmallRegistry):
    def stored_digest(self, digest: str) -> str:
        return f"sha256:{'f' * 64}"


class IsFull(SmallRegistry):
    def do_PATCH(self) -> None:
        self.body()
        error = {"code": "UNKNOWN", "message": "unknown", "detail": {"Op": "write", "Err": 28}}
        self.answer(500, json.dumps({"errors": [error]}).encode())


class HasNoRoom(SmallRegistry):
    def do_POST(self) -> None:
        self.answer(507)


class GivesNoAddress(SmallRegistry):
    def do_POST(self) -> None:
        self.answer(202)


class GivesAnAddressInTheClear(SmallRegistry):
    def location(self) -> str:
        return "http://storage.example.org/upload"


class GivesAStrangeAddress(SmallRegistry):
    def location(self) -> str:
        return "http://[::"


class AlwaysFails(SmallRegistry):
    def do_POST(self) -> None:
        self.answer(500, b"something broke")


@pytest.mark.parametrize(
    ("handler", "reason", "words"),
    [
        (LosesBytes, "RegistryFailed", "0-2 of a blob where 0-3 were sent"),
        (SaysNoRange, "RegistryFailed", "of a blob where 0-3 were sent"),
        (StoresSomethingElse, "RegistryFailed", "has sha256:ffff"),
        (IsFull, "DiskFull", "is full"),
        (HasNoRoom, "DiskFull", "is full"),
        (GivesNoAddress, "RegistryFailed", "no address"),
        (GivesAnAddressInTheClear, "RegistryFailed", "without encryption"),
        (GivesAStrangeAddress, "RegistryFailed", "no address"),
        (AlwaysFails, "RegistryFailed", "something broke"),
    ],
)
def test_a_registry_that_misbehaves_is_told(
    handler: type[SmallRegistry], reason: str, words: str
) -> None:
    with (
        serving(handler) as (host, _),
        a_client(host) as registry,
        pytest.raises(SnapshotFailed, match=words) as caught,
    ):
        push(registry)
    assert caught.value.reason == reason


class Drops(SmallRegistry):
    """Stores a part of one chunk, and ends the connection."""

    at = 4
    keeps = 1

    def do_PATCH(self) -> None:
        if self.headers["Content-Range"].startswith(f"{self.at}-") and self.at not in self.asked:
            self.asked.append(self.at)  # type: ignore[arg-type]
            self.stored.extend(self.rfile.read(self.keeps))
            self.close_connection = True
            return
        super().do_PATCH()


class DropsTheFirst(Drops):
    at = 0


class DropsBeforeStoring(Drops):
    keeps = 0


class DropsAfterStoring(Drops):
    keeps = 4


@pytest.mark.parametrize(
    ("handler", "uploads"),
    [(Drops, 1), (DropsTheFirst, 2), (DropsBeforeStoring, 1), (DropsAfterStoring, 1)],
)
def test_an_upload_goes_on_with_the_first_byte_that_is_missing(
    handler: type[SmallRegistry], uploads: int
) -> None:
    with serving(handler) as (host, kind), a_client(host) as registry:
        push(registry)
    assert kind.stored == b"abcdefgh"
    assert kind.asked.count("POST /v2/x/blobs/uploads/") == uploads


class Forgets(Drops):
    def do_GET(self) -> None:
        self.answer(404)


class WentBack(Drops):
    def do_GET(self) -> None:
        self.answer(204, Range="0-1")


class WentAhead(Drops):
    def do_GET(self) -> None:
        self.answer(204, Range="0-99")


@pytest.mark.parametrize("handler", [Forgets, WentBack, WentAhead])
def test_an_upload_that_cannot_go_on_is_lost(handler: type[SmallRegistry]) -> None:
    with (
        serving(handler) as (host, _),
        a_client(host) as registry,
        pytest.raises(UploadLost, match=r"http\.secret"),
    ):
        push(registry)


class AsksToWait(SmallRegistry):
    def do_POST(self) -> None:
        if self.asked.count("POST /v2/x/blobs/uploads/") < 3:
            self.answer(429)
        else:
            super().do_POST()


def test_a_registry_that_asks_to_wait_is_asked_again() -> None:
    with serving(AsksToWait) as (host, kind), a_client(host) as registry:
        push(registry)
    assert kind.stored == b"abcdefgh"


def test_plain_http_goes_to_this_machine_only() -> None:
    for host in ("localhost:5000", "127.0.0.9", "[::1]:5000"):
        with a_client(host) as registry:
            assert registry.host == host
    for host in ("registry.example.org", "10.0.0.1:5000", "localhost.example.org"):
        with pytest.raises(SnapshotFailed, match="without encryption"), a_client(host):
            pass


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


FAILURE = SnapshotFailed(FailureReason.REGISTRY_UNREACHABLE, "away")


def test_patience_ends_within_its_limit_and_pauses_grow() -> None:
    clock = Clock()
    patience = Patience(60, clock=clock, sleep=clock.sleep)
    pauses = []

    def fail_for_ever() -> None:
        while True:
            began = clock.now
            patience.wait(Away(FAILURE), began)
            pauses.append(clock.now - began)

    with pytest.raises(SnapshotFailed, match="away"):
        fail_for_ever()
    assert 50 < clock.now - 100 <= 60
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5
    assert pauses[-1] <= 5.1


def test_patience_counts_from_where_the_first_try_began() -> None:
    clock = Clock()
    patience = Patience(60, clock=clock, sleep=clock.sleep)
    clock.sleep(59.5)
    patience.wait(Away(FAILURE), 100)
    with pytest.raises(SnapshotFailed, match="away"):
        patience.wait(Away(FAILURE), clock.now)


def test_patience_is_there_again_after_it_worked() -> None:
    clock = Clock()
    patience = Patience(60, clock=clock, sleep=clock.sleep)
    for _ in range(20):
        clock.sleep(50)
        patience.wait(Away(FAILURE), clock.now)
        patience.restored()


def test_a_registry_that_answers_with_failures_is_asked_a_few_times() -> None:
    clock = Clock()
    patience = Patience(60, clock=clock, sleep=clock.sleep)
    for _ in range(4):
        patience.wait(Away(FAILURE, answered=True), clock.now)
    with pytest.raises(SnapshotFailed, match="away"):
        patience.wait(Away(FAILURE, answered=True), clock.now)
    assert clock.now - 100 < 10


def test_patience_is_cancelled_while_it_waits() -> None:
    clock = Clock()
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked > 3:
            raise KeyboardInterrupt

    patience = Patience(60, check, clock, clock.sleep)
    with pytest.raises(KeyboardInterrupt):
        patience.wait(Away(FAILURE), clock.now)
    assert clock.now - 100 < 0.5
