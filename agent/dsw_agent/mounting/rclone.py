"""rclone, which shows a bucket as a file system: how it is called, asked and ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dsw.node_mounts import ObjectStore, SourceRequest
from dsw.plan import GID, UID

LINES = 8
LINE_MAX = 300
END_SECONDS = 10.0
_REMOTE = "D"
_SOON = 5.0
_PREFIX = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:\w+ *: )?")


@dataclass(frozen=True)
class Figures:
    """Bytes since rclone started, of the cache at present; `uploads` are files not yet stored."""

    cached: int = 0
    fetched: int = 0
    read: int = 0
    uploads: int = 0


class Rclone:
    """One `rclone mount`."""

    def __init__(self, request: SourceRequest, point: str, folder: str) -> None:
        if request.store is None:
            raise ValueError("the source is no object store")
        socket = f"{folder}/rclone.sock"
        Path(socket).unlink(missing_ok=True)
        transport = httpx.HTTPTransport(uds=socket, verify=False)
        self._client = httpx.Client(transport=transport, timeout=_SOON, trust_env=False)
        self._words: deque[str] = deque(maxlen=LINES)
        self._secret = request.store.secret
        self._process = subprocess.Popen(
            arguments(request, point, socket),
            env=environment(request.store, folder, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # A signal to the helper is not for rclone: what was written is stored first.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process.poll() is None

    def words(self) -> str:
        """Its last words about what is wrong."""
        self._reader.join(1)
        return self._words[-1] if self._words else "rclone said nothing"

    def log(self) -> str:
        """Some more of its words."""
        return "\n".join(self._words)

    def kill(self) -> None:
        """End it at once. Readers get an error, as the kernel drops its connection with it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._client.close()

    def end(self) -> None:
        """Let it end by itself, or kill it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self.kill()

    def figures(self) -> Figures | None:
        """What it did so far; None when it does not tell."""
        try:
            cache = self._ask("vfs/stats").get("diskCache") or {}
            fetched = int(self._ask("core/stats").get("bytes", 0))
            written = _written(self._process.pid)
        except (httpx.HTTPError, OSError, ValueError):
            return None
        return Figures(
            cached=int(cache.get("bytesUsed", 0)),
            fetched=fetched,
            # All that it writes goes to readers or into its cache, where what it fetches goes.
            read=max(0, written - fetched) if cache else fetched,
            uploads=int(cache.get("uploadsQueued", 0)) + int(cache.get("uploadsInProgress", 0)),
        )

    def _ask(self, call: str) -> dict[str, Any]:
        answer = self._client.post(f"http://rclone/{call}").raise_for_status().json()
        return answer if isinstance(answer, dict) else {}

    def _listen(self) -> None:
        if self._process.stderr is None:
            return
        with self._process.stderr as stream:
            for line in stream:
                text = _PREFIX.sub("", line.decode(errors="replace").strip())[:LINE_MAX]
                if self._secret:
                    text = text.replace(self._secret, "***")
                if text:
                    self._words.append(text)


def arguments(request: SourceRequest, point: str, socket: str) -> list[str]:
    """The command that mounts a bucket at `point` and answers questions at `socket`."""
    store = request.store
    if store is None:
        raise ValueError("the source is no object store")
    place = "/".join(part for part in (store.bucket, store.prefix.strip("/")) if part)
    command = [
        *(_program(), "mount", f"{_REMOTE}:{place}", point, "--config=/dev/null"),
        *("--allow-other", f"--uid={UID}", f"--gid={GID}", "--umask=002"),
        *("--rc", f"--rc-addr=unix://{socket}", "--rc-no-auth"),
        *("--contimeout=5s", "--timeout=10s", "--low-level-retries=2", "--retries=1"),
        # The store's own times cost no request for each file.
        "--use-server-modtime",
        *("--dir-cache-time=60s", "--poll-interval=0", "--log-level=NOTICE"),
        *_caching(request),
    ]
    return [*command, "--read-only"] if request.read_only else command


def environment(store: ObjectStore, folder: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What rclone sees: the remote `D`, and nothing of another cloud or configuration."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(("RCLONE_", "AWS_"))
    }
    remote = {
        "TYPE": "s3",
        "PROVIDER": store.provider,
        "ENDPOINT": store.endpoint,
        "REGION": store.region,
        "ACCESS_KEY_ID": store.access_key_id,
        "SECRET_ACCESS_KEY": store.secret,
        "ENV_AUTH": "false",
        "FORCE_PATH_STYLE": "true" if store.path_style else "false",
        # Buckets are the operator's to make.
        "NO_CHECK_BUCKET": "true",
    }
    own = {f"RCLONE_CONFIG_{_REMOTE}_{name}": value for name, value in remote.items() if value}
    return {**kept, **own, "HOME": folder}


def _caching(request: SourceRequest) -> list[str]:
    if not request.cache:
        return ["--vfs-cache-mode=off"]
    kept = [f"--cache-dir={request.cache}", "--vfs-cache-poll-interval=10s"]
    if not request.cache_bytes:
        # To write needs a folder in any case; to read does not.
        mode = "off" if request.read_only else "writes"
        return [*kept, f"--vfs-cache-mode={mode}", "--vfs-cache-max-age=1m"]
    # Its size alone bounds it: a dataset is read again after days.
    size = f"--vfs-cache-max-size={request.cache_bytes}B"
    return [*kept, "--vfs-cache-mode=full", size, "--vfs-cache-max-age=8760h"]


def _program() -> str:
    """rclone of the same environment as this program, before another one."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone") or "rclone"


def _written(pid: int) -> int:
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        name, _, value = line.partition(": ")
        if name == "wchar":
            return int(value)
    return 0
