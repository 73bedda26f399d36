"""Origins of users behind nginx with TLS, as the operators' page sets it up."""

from __future__ import annotations

import datetime
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Page, expect
from tests.docs import pages
from tests.e2e.accounts import PASSWORD, make_account
from tests.e2e.console_page import Console
from tests.e2e.own_origins import HOST, cookies_of_the_workbench, own_origins, process, seen_by
from tests.e2e.windows import Windows
from tests.ports import an_unused_port
from tests.workbenches import TestBench

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

LOCKED = {"jupyterhub-hub-login", "jupyterhub-session-id", "dsw-session", "dsw-xsrf"}
NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""


def certificate(folder: Path) -> None:
    """One for the host and all below it, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    hosts = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName(f"*.{HOST}")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(hosts, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "host.key").write_bytes(secret)
    (folder / "host.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def documented(folder: Path, port: int, proxy_port: int) -> str:
    """The example of the page, with this machine's names, ports and files."""
    (servers,) = pages.blocks("docs/operators/operate.md", "nginx")
    for written, here in (
        ("/etc/ssl/hub.example.org", f"{folder}/host"),
        ("hub.example.org", HOST),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        (":8000", f":{proxy_port}"),
    ):
        assert written in servers
        servers = servers.replace(written, here)
    return NGINX.format(folder=folder, servers=servers)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBench]:
    folder, port = tmp_path_factory.mktemp("nginx"), an_unused_port()
    certificate(folder)
    data = tmp_path_factory.mktemp("origins-tls")
    with (
        pytest.MonkeyPatch.context() as patch,
        own_origins(data, "e2etls", f"https://{HOST}:{port}") as bench,
    ):
        patch.setenv("SSL_CERT_FILE", str(folder / "host.pem"))
        config = folder / "nginx.conf"
        config.write_text(documented(folder, port, bench.settings.hub.port))
        nginx = subprocess.Popen(["nginx", "-c", str(config), "-e", f"{folder}/error.log"])
        try:
            bench.wait_until_ready()
            for name in ("alice", "bob"):
                make_account(bench, name)
                bench.user(name).get("me")
            yield bench
        finally:
            nginx.terminate()
            nginx.wait(10)


@pytest.fixture(scope="module")
def hostile(bench: TestBench) -> Any:
    """An instance of Alice's with a server that she wrote."""
    return process(bench.user("alice"), name="hostile", spec="tiny")


def logged_in(bench: TestBench, windows: Windows, name: str) -> Page:
    page = windows.open(ignore_https_errors=True)
    Console(page, bench.url).log_in(name, PASSWORD)
    return page


def test_cookies_are_for_https_and_for_their_own_host(
    bench: TestBench, hostile: Any, windows: Windows
) -> None:
    page = logged_in(bench, windows, "bob")
    assert set(cookies_of_the_workbench(page)) == {f"__Host-{name}" for name in LOCKED} | {"_xsrf"}
    assert all(each["secure"] for each in page.context.cookies())
    page.goto(f"{hostile['url']}over-tls")
    seen = seen_by(bench)
    assert "over-tls" in seen
    assert re.search(r'"x-forwarded-proto": "https', seen, re.IGNORECASE)
    for value in cookies_of_the_workbench(page).values():
        assert value not in seen


def test_an_instance_cannot_put_its_own_session_in_place_of_the_visitors(
    bench: TestBench, hostile: Any, windows: Windows
) -> None:
    attacker = logged_in(bench, windows, "alice")
    victim = logged_in(bench, windows, "bob")
    victim.goto(hostile["url"])
    planted = dict(cookies_of_the_workbench(attacker))
    planted |= {name.removeprefix("__Host-"): value for name, value in planted.items()}
    for name, value in planted.items():
        for path in ("/", "/hub/", "/services/dsw/", "/services/dsw/api/"):
            victim.evaluate(
                "(cookie) => { document.cookie = cookie }",
                f"{name}={value}; Domain={HOST}; Path={path}; Secure",
            )
    domains = {each["domain"] for each in victim.context.cookies()}
    assert f".{HOST}" in domains

    console = Console(victim, bench.url)
    victim.goto(bench.url)
    expect(victim.get_by_role("button", name="Account of bob")).to_be_visible()
    console.new_instance("Still mine", "tiny")
    console.is_in("still-mine", "Running")
    with victim.expect_popup() as popup:
        console.press("still-mine", "Open")
    lab = popup.value
    expect(lab.locator("#jp-main-statusbar")).to_be_visible(timeout=60_000)
    assert lab.url.startswith(bench.url.replace("//", "//bob."))
    victim.get_by_role("button", name="Account of bob").click()
    victim.get_by_role("menuitem", name="Log out").click()
    expect(victim).to_have_url(re.compile("/hub/log(in|out)"))
    left = {each["name"] for each in victim.context.cookies() if each["domain"] == HOST}
    assert not {f"__Host-{name}" for name in LOCKED} & left
