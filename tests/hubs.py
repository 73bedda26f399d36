"""A real hub with its real proxy, on free ports and in a folder of its own, for tests."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw import secret_files
from dsw.secret_files import SecretFiles
from dsw.settings import Settings, load

PROJECT = Path(__file__).resolve().parent.parent
PROXY = "configurable-http-proxy@5.3.0"
PROXY_FOLDER = Path(tempfile.gettempdir()) / "dsw-test-proxy"


def proxy_command() -> str:
    """The proxy's program, installed from npm once per machine."""
    program = PROXY_FOLDER / "node_modules" / ".bin" / "configurable-http-proxy"
    PROXY_FOLDER.mkdir(exist_ok=True)
    with (PROXY_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            subprocess.run(
                ["npm", "install", "--no-audit", "--no-fund", "--prefix", PROXY_FOLDER, PROXY],
                check=True,
                capture_output=True,
            )
    return str(program)


class Hub:
    """Hub and proxy of one `dsw.toml`. `url` is the public address, without a trailing slash."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.settings: Settings = load(config, {})
        self.secrets = SecretFiles(self.settings.data)
        self.log = config.parent / "hub.log"
        self._hub: subprocess.Popen[bytes] | None = None
        self._proxy: subprocess.Popen[bytes] | None = None
        self._clients = contextlib.ExitStack()
        hub = self.settings.hub
        self.url = f"http://{hub.host}:{hub.port}{hub.base_url}".rstrip("/")
        self.api = f"{self.url}/hub/api"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The hub's process."""
        assert self._hub
        return self._hub

    def start_proxy(self) -> None:
        """Start the proxy and leave it running over restarts of the hub."""
        hub = self.settings.hub
        command = [
            proxy_command(),
            *("--ip", hub.host, "--port", str(hub.port)),
            *("--api-ip", "127.0.0.1", "--api-port", str(hub.proxy_api_port)),
            *("--default-target", f"http://{self.settings.private_host}:{hub.api_port}"),
        ]
        environment = {
            **os.environ,
            "CONFIGPROXY_AUTH_TOKEN": self.secrets.get(secret_files.PROXY),
        }
        log = self.log.with_name("proxy.log").open("ab")
        with log:
            self._proxy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def start(self) -> None:
        """Start the hub and wait until it answers through the proxy."""
        with self.log.open("ab") as log:
            self._hub = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(PROJECT / "jupyterhub_config.py")],
                env={**os.environ, "DSW_CONFIG": str(self.config)},
                cwd=self.config.parent,
                stdout=log,
                stderr=log,
            )
        eventually(self._answers, timeout=60)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the hub, by default without any warning."""
        self.process.send_signal(how)
        self.process.wait(30)

    def stop(self) -> None:
        """End hub and proxy, and close the clients made here."""
        self._clients.close()
        for process in (self._hub, self._proxy):
            if process and process.poll() is None:
                process.terminate()
                process.wait(30)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.api}/", trust_env=False).status_code == 200
        return False

    def login(self, name: str, password: str) -> httpx.Client:
        """A browser-like session of this user, with the XSRF header that changes need."""
        browser = httpx.Client(trust_env=False, follow_redirects=False, timeout=60)
        self._clients.enter_context(browser)
        browser.get(f"{self.url}/hub/login")
        browser.post(
            f"{self.url}/hub/login",
            data={
                "username": name,
                "password": password,
                "_xsrf": browser.cookies.get("_xsrf", path=f"{self.settings.hub.base_url}hub/"),
            },
        )
        # Another one: the cookie is bound to the session.
        browser.get(f"{self.url}/hub/home")
        xsrf = browser.cookies.get("_xsrf", path=f"{self.settings.hub.base_url}hub/")
        browser.headers["X-XSRFToken"] = xsrf or ""
        return browser

    def admin(self) -> httpx.Client:
        """A client of the REST API with a token of the first administrator."""
        name = self.settings.hub.admins[0]
        browser = self.login(name, self.secrets.read(secret_files.ADMIN))
        made = browser.post(f"{self.api}/users/{name}/tokens", json={"note": "test"})
        assert made.status_code == 201, made.text
        return self.client(made.json()["token"])

    def client(self, token: str) -> httpx.Client:
        """A client of the REST API with this token."""
        client = httpx.Client(
            base_url=self.api,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )
        return self._clients.enter_context(client)


def write_config(folder: Path, text: str, **hub: Any) -> Path:
    """A `dsw.toml` in the folder: free ports, its own data directory, and `text` after it."""
    keys = {
        "port": an_unused_port(),
        "api_port": an_unused_port(),
        "proxy_api_port": an_unused_port(),
        **hub,
    }
    lines = [f'data_dir = "{folder / "data"}"', "[hub]"]
    lines += [f"{key} = {value!r}".replace("'", '"') for key, value in keys.items()]
    path = folder / "dsw.toml"
    path.write_text("\n".join(lines) + "\n" + text)
    return path


@contextlib.contextmanager
def running_hub(config: Path) -> Iterator[Hub]:
    """Hub and proxy, ended at the end."""
    hub = Hub(config)
    try:
        hub.start_proxy()
        hub.start()
        yield hub
    finally:
        hub.stop()
