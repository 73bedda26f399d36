"""Whether the programs answer people, and what to show when they do not."""

from __future__ import annotations

import socket
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from dsw.settings import Settings
from workbench import registry
from workbench.folders import Folders
from workbench.steps import Refused, Step
from workbench.supervision import UP, Supervisor

DEADLINE = 120.0
ENOUGH_FAILURES = 3
SHOWN_LINES = 15


def address(settings: Settings) -> str:
    """Where the proxy is found from this machine."""
    return f"http://{_here(settings.hub.host)}:{settings.hub.port}"


def _here(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def probes(settings: Settings) -> dict[str, str]:
    """For each part, an address that answers when that part works: with 200, or as SSH does."""
    base, ssh = address(settings), settings.ssh
    found = {
        "hub": f"{base}{settings.hub.base_url}hub/api",
        "control": f"{base}{settings.service_prefix}healthz",
    }
    if registry.is_ours(settings):
        found["registry"] = f"http://{settings.registry.address}/v2/"
    if ssh.gateway_port:
        host = _here(ssh.gateway_host or settings.hub.host)
        found["gateway"] = f"ssh://{host}:{ssh.gateway_port}"
    return found


def wait(settings: Settings, supervisor: Supervisor, folders: Folders, step: Step) -> None:
    """Return when all parts answer through the proxy; `Refused` with the log of one that fails."""
    missing = probes(settings)
    failures: Counter[str] = Counter()
    pids: dict[str, int] = {}
    deadline = time.monotonic() + DEADLINE
    with httpx.Client(trust_env=False, timeout=5, headers=_host(settings)) as client:
        while True:
            missing = {name: url for name, url in missing.items() if not _answers(client, url)}
            if not missing:
                return
            step.show(f"waiting for {' and '.join(missing)}")
            for name, status in supervisor.statuses().items():
                if status.state in UP and pids.get(name) == status.pid:
                    continue
                failures[name] += name in pids and pids[name] != 0
                pids[name] = status.pid
                if failures[name] >= ENOUGH_FAILURES:
                    raise Refused(_report(f"{name} ends again and again", folders.logs, name))
            if time.monotonic() > deadline:
                name = next(iter(missing))
                what = f"{name} does not answer at {missing[name]} after {DEADLINE:.0f} s"
                raise Refused(_report(what, folders.logs, name))
            time.sleep(0.2)


def _host(settings: Settings) -> dict[str, str]:
    # The name need not lead to this machine from here.
    host = urlsplit(settings.hub.subdomain_host).netloc
    return {"Host": host} if host else {}


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        if url.startswith("ssh:"):
            return _speaks_ssh(url)
        # A registry that wants a token works, too.
        return client.get(url).status_code in ((200, 401) if url.endswith("/v2/") else (200,))
    except (httpx.HTTPError, OSError):
        return False


def _speaks_ssh(url: str) -> bool:
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), 5) as connection:
        return connection.recv(4) == b"SSH-"


def _report(what: str, logs: Path, name: str) -> str:
    path = logs / f"{name}.log"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    shown = "\n".join(f"  {line}" for line in lines[-SHOWN_LINES:])
    return f"{what[0].upper()}{what[1:]}. The end of {path}:\n{shown}"
