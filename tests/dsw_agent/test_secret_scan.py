"""What is taken for a secret, what is not, and that none is ever shown."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_agent.trees import SITE, a_conda_package, a_wheel, put, request_of

from dsw_agent import inventory, secret_scan
from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.secret_scan import FILE_MAX, Effort, SecretScan
from dsw_agent.upper_files import reading

A, B, C = "aB3dE5fG7hJ9kL2mN4pQ", "R6sT8uV1wX3yZ5aB7cD9", "9fE4gH6jK8mN2pQ5rS7t"
"""Pieces of secrets that were never valid; no whole one is in this file."""


def a_token() -> str:
    """A JSON web token."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "alice", "exp": 1767225600})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in encoded) + "." + A + B


def a_key(kind: str, newline: str = "\n") -> str:
    """A private key in PEM; its content is nonsense."""
    lines = [f"-----BEGIN {kind}-----", *[(A + B + C)[:60] + "AbCd"] * 3, f"-----END {kind}-----"]
    return newline.join(lines)


SECRETS = {
    "AWS Access Key": f"aws_access_key_id = {'AKIA'}{'Q3EXAMP7LKJ5H2G9'}",
    "Azure Storage Account access key": "AccountKey=" + (A + B + C + A + B)[:86] + "==",
    "GitHub Token": "token: " + "ghp_" + (A + B)[:36],
    "GitLab Token": "url = https://oauth2:" + "glpat-" + A + "@gitlab.example/x.git",
    "JSON Web Token": f"Authorization: Bearer {a_token()}",
    "NPM tokens": "//registry.example/:_authToken=" + "npm_" + A + B,
    "OpenAI Token": 'key = "' + "sk-proj-" + A + "T3BlbkFJ" + B + '"',
    "Private Key": a_key("RSA PRIVATE KEY"),
    "PyPI Token": "password = " + "pypi-AgEIcHlwaS5vcmc" + A + B + C + A + B,
    "SendGrid API Key": "SG." + (A + B)[:22] + "." + (C + A + B)[:43],
    "Slack Token": "xoxb" + "-123456789012-1234567890123-" + A,
    "Stripe Access Key": "sk_" + "live_" + (A + B)[:24],
    "Hugging Face Token": "HF_TOKEN=" + "hf_" + (A + B)[:34],
    "Alibaba Cloud Access Key": "accessKeyId: " + "LTAI" + (A + B)[:20],
    "Google API Key": 'KEY="' + "AIza" + (A + B)[:35] + '"',
    "Anthropic Token": "sk-ant-" + "api03-" + A + B + C + A + B,
}


def scan(
    root: Path,
    paths: Iterable[str] | None = None,
    effort: Effort | None = None,
    clock: Callable[[], float] = time.process_time,
) -> SecretScan:
    """Look into all files of a folder."""
    found = [str(each.relative_to(root)) for each in sorted(root.rglob("*")) if each.is_file()]
    with ExitStack() as stack:
        descriptor = os.open(root, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        read = stack.enter_context(reading(descriptor))
        done = SecretScan(read, effort or Effort(bytes=10**9, seconds=60), clock)
        done.look(found if paths is None else paths)
    return done


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_by_its_form(kind: str, tmp_path: Path) -> None:
    put(tmp_path, "root/app/settings", f"# ours\n\n  {SECRETS[kind]}\n")
    done = scan(tmp_path)
    found = [(each.path, each.line, each.kind) for each in done.findings]
    assert found == [("/root/app/settings", 3, kind)]
    assert done.unscanned == 0


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_on_an_endless_line_is_found(kind: str, tmp_path: Path) -> None:
    text = SECRETS[kind].replace("\n", "\\n")
    put(tmp_path, "srv/book.ipynb", "{" + "x y, " * 20_000 + text + " " + "x y, " * 20_000)
    assert [(each.line, each.kind) for each in scan(tmp_path).findings] == [(1, kind)]


def test_all_secrets_of_a_file_are_found_though_detectors_are_slow_to_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    load = secret_scan._loaded

    def slowly(detector: Any) -> Any:
        nonlocal now
        now += 1
        return load(detector)

    monkeypatch.setattr(secret_scan, "_loaded", slowly)
    put(tmp_path, "srv/all", "\n".join(SECRETS.values()))
    done = scan(tmp_path, effort=Effort(bytes=10**9, seconds=60), clock=lambda: now)
    assert {each.kind for each in done.findings} == SECRETS.keys()
    assert done.unscanned == 0


def test_a_name_without_a_suffix_says_nothing(tmp_path: Path) -> None:
    for name in ("a", "db", "bin", "o", "so", ".env"):
        put(tmp_path, f"srv/{name}", SECRETS["GitHub Token"])
    assert len(scan(tmp_path).findings) == 6


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "x" + "AKIA" + "Q3EXYMP7LKJ5H2G9" + "abcdefgh",
        'if line == "-----BEGIN RSA PRIVATE KEY-----":',
        '_START = "-----BEGIN PRIVATE KEY-----"\n_END = "-----END PRIVATE KEY-----"\n',
        "openssl genrsa writes BEGIN RSA PRIVATE KEY at the top of a file",
        "eyJhbGciOi.no.token",
        "ghp_short glpat-short hf_hub_download SG.x sk-ant- AIza LTAI",
        "r'PuTTY-User-Key-File-2',",
        "password = 'hunter2'",
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_what_only_resembles_a_secret_is_none(text: str, tmp_path: Path) -> None:
    put(tmp_path, "srv/a.py", text)
    assert scan(tmp_path).findings == []


def test_the_files_of_packages_are_not_looked_into(tmp_path: Path) -> None:
    secret = SECRETS["GitHub Token"]
    a_wheel(tmp_path, "tornado", "6", {"tornado/test.key": secret, "../../../bin/tool": secret})
    a_conda_package(tmp_path, "openssl", "3", {"share/example.pem": secret})
    put(tmp_path, "var/lib/dpkg/info/ssl.list", "/.\n/usr\n/lib/ssl/a.conf\n/etc/ssl/b.conf\n")
    put(tmp_path, "usr/lib/ssl/a.conf", secret)
    put(tmp_path, "etc/ssl/b.conf", secret)
    put(tmp_path, f"{SITE}/mine.py", secret)
    found = {each.path for each in scan(tmp_path).findings}
    assert found == {"/etc/ssl/b.conf", f"/{SITE}/mine.py"}


def test_no_package_of_an_environment_vouches_for_files_elsewhere(tmp_path: Path) -> None:
    secret = SECRETS["GitHub Token"]
    a_wheel(tmp_path, "liar", "1", {"../../../../../root/.env": secret})
    record = tmp_path / f"{SITE}/liar-1.dist-info/RECORD"
    record.write_text(record.read_text() + '/root/.env,,\n"../../../../../root/.env",,\n"\n')
    assert [each.path for each in scan(tmp_path).findings] == ["/root/.env"]


def test_what_is_not_looked_into_is_counted(tmp_path: Path) -> None:
    secret = SECRETS["GitHub Token"].encode()
    put(tmp_path, "a.png", secret)
    put(tmp_path, "binary", b"\0" + secret)
    put(tmp_path, "large.txt", b" " * FILE_MAX + secret)
    put(tmp_path, "text", secret)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "text")
    every = ["a.png", "binary", "large.txt", "text", "pipe", "link", "absent", "text/below"]
    done = scan(tmp_path, every)
    assert [each.path for each in done.findings] == ["/text"]
    assert done.unscanned == len(every) - 1


def test_no_link_leads_out_of_the_container(tmp_path: Path) -> None:
    put(tmp_path, "host/token", SECRETS["GitHub Token"])
    upper = tmp_path / "upper"
    upper.mkdir()
    (upper / "srv").symlink_to(tmp_path / "host")
    done = scan(upper, ["srv/token", "../host/token", "srv/../../host/token"])
    assert (done.findings, done.unscanned) == ([], 3)


def test_effort_is_limited_and_what_people_write_comes_first(tmp_path: Path) -> None:
    for number in range(20):
        put(tmp_path, f"data/{number:02}.csv", "1,2,3\n" * 1000)
    put(tmp_path, "zzz/.env", SECRETS["GitHub Token"])
    done = scan(tmp_path, effort=Effort(bytes=10_000, seconds=60))
    assert [each.path for each in done.findings] == ["/zzz/.env"]
    assert done.unscanned == 18
    assert scan(tmp_path, effort=Effort(bytes=10**9, seconds=-1)).unscanned == 21


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 80_000,
        "AKIA" * 60_000,
        "aws" * 80_000 + "AKIA",
        "//" * 120_000 + ":_authToken=",
        "glagent-" * 30_000,
        "sk-" * 60_000 + "T3BlbkFJ" * 5_000,
        "BEGIN PRIVATE KEY-----" + "n" * 200_000,
        "xoxb-1-" + "1-" * 100_000,
        "AccountKey=\n" * 20_000,
    ],
)
def test_hostile_text_takes_little_time(text: str, tmp_path: Path) -> None:
    put(tmp_path, "a.txt", text)
    put(tmp_path, "b.txt", SECRETS["GitHub Token"])
    began = time.process_time()
    done = scan(tmp_path, effort=Effort(bytes=10**9, seconds=10))
    assert time.process_time() - began < 5
    assert "/b.txt" in {each.path for each in done.findings}


def test_a_finding_never_has_the_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in enumerate(SECRETS.values()):
        put(tmp_path, f"srv/{number}.txt", text)
    paths = [f"srv/{number}.txt" for number in range(len(SECRETS))]
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        found, _ = inventory.check_secrets(request_of(tmp_path), root, paths)
        with pytest.raises(SnapshotFailed) as refusal:
            inventory.check_secrets(request_of(tmp_path, secrets="block"), root, paths)
    finally:
        os.close(root)
    assert len(found) == len(SECRETS)
    assert refusal.value.reason is FailureReason.SECRETS_FOUND
    assert "/srv/0.txt line 1 (AWS Access Key)" in refusal.value.sentence
    assert f"and {len(SECRETS) - 10} more" in refusal.value.sentence
    captured = capsys.readouterr()
    shown = f"{found} {refusal.value!r} {refusal.value.sentence} {captured.out}{captured.err}"
    for secret in ("Q3EXAMP7LKJ5H2G9", A, B, C, a_token()):
        assert secret not in shown


def test_a_policy_that_blocks_lets_clean_files_pass(tmp_path: Path) -> None:
    put(tmp_path, "srv/a.py", "print('hello')\n")
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        request = request_of(tmp_path, secrets="block")
        assert inventory.check_secrets(request, root, ["srv/a.py"]) == ([], 0)
    finally:
        os.close(root)
