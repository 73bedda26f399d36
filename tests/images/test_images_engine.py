"""What people read when the container engine cannot do its part, and while it does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsw.errors import EngineFailed, Unavailable
from dsw.images_build import engine
from dsw.images_build.base import find_base
from dsw.images_build.progress import Step, parse_step


@pytest.fixture
def silent_registry() -> Iterator[str]:
    """The address of a registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_without_the_client_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="`docker` is not installed"):
        engine.docker("version")


@pytest.mark.docker
def test_an_engine_that_does_not_run_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(Unavailable, match="engine does not answer") as refusal:
        engine.image_id("dsw-test/nowhere:none")
    assert "DOCKER_HOST" in refusal.value.hint


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at "
            'unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version": '
            "dial unix /var/run/docker.sock: connect: permission denied",
            Unavailable,
            "may not use the container engine",
        ),
        (
            "Error: failed to extract layer: write /usr/lib/x: no space left on device",
            EngineFailed,
            "disk is full",
        ),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate "
            "verify failed: unable to get local issuer certificate (_ssl.c:992)'))",
            EngineFailed,
            "CA that is not trusted",
        ),
        ("something\nunheard of\n", EngineFailed, "refused: unheard of"),
        ("", EngineFailed, "gave no reason"),
    ],
)
def test_the_clients_words_become_sentences(said: str, error: type[Exception], words: str) -> None:
    explained = engine.explain(said)
    assert isinstance(explained, error)
    assert words in explained.message


@pytest.mark.docker
def test_an_image_that_is_not_here_has_no_id() -> None:
    assert engine.image_id("dsw-test/nowhere:none") is None


@pytest.mark.docker
def test_a_silent_registry_is_given_up_soon(
    monkeypatch: pytest.MonkeyPatch, silent_registry: str
) -> None:
    monkeypatch.setattr(engine, "PULL_ANSWER_TIMEOUT", 1)
    with pytest.raises(engine.ImageMissing, match="did not answer within 1 seconds"):
        engine.pull(f"{silent_registry}/debian:none")


@pytest.mark.docker
def test_a_base_that_was_asked_for_is_never_replaced_by_another() -> None:
    with pytest.raises(engine.ImageMissing, match="cannot be pulled") as refusal:
        find_base("127.0.0.1:1/debian:none", lambda _: None)
    assert "--base-image" in refusal.value.hint


@pytest.mark.docker
def test_a_failed_build_shows_its_last_lines_and_keeps_its_log(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY absent /\n")
    log = tmp_path / "log"
    lines: list[str] = []
    with pytest.raises(EngineFailed) as failure:
        engine.stream(["build", str(tmp_path)], log, lines.append, {})
    assert str(log) in failure.value.hint
    assert "absent" in failure.value.message
    assert "".join(lines) == log.read_bytes().decode()


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Step 4/29 : RUN apt-get update\n", Step(number=4, total=29, text="RUN apt-get update")),
        (
            "#9 [dependencies 2/5] COPY certs/ /tmp/certs/\n",
            Step(number=2, total=5, text="COPY certs/ /tmp/certs/", stage="dependencies"),
        ),
        (
            "#12 [stage-3  1/10] FROM base\n",
            Step(number=1, total=10, text="FROM base", stage="stage-3"),
        ),
        ("#5 [2/3] RUN true\n", Step(number=2, total=3, text="RUN true")),
        ("#6 [internal] load build context\n", None),
        (" ---> Running in 39856493710e\n", None),
        ("Get:3 http://deb.example/debian bookworm/main [6107 kB]\n", None),
    ],
)
def test_both_builders_steps_are_read(line: str, step: Step | None) -> None:
    assert parse_step(line) == step


@pytest.mark.docker
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_user_who_may_not_use_the_engine_is_told_so() -> None:
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setuid(65534)
        try:
            engine.image_id("dsw-test/nowhere:none")
        except Unavailable as refusal:
            os._exit(0 if "may not use" in refusal.message else 2)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
