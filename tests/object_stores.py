"""A real S3 server on an address of this machine, that can hang, die and come back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
from tests.polling import eventually
from tests.ports import an_unused_port

ACCESS_KEY_ID = "AKIATESTTESTTESTTEST"
SECRET = "the-secret-of-the-object-store"
START_SECONDS = 90
_REQUEST = re.compile(r'"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP')
# It wants to see a signature, and looks no closer.
_SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/us-east-1/s3/"
    "aws4_request, SignedHeaders=host, Signature=0"
}


class ObjectStoreServer:
    """moto's S3, which takes any key; objects are in its memory and gone with its process."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self._address = address
        self._port = an_unused_port()
        self._log = folder / f"object-store-{self._port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://{address}:{self._port}"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        port = str(self._port)
        command = [sys.executable, "-m", "moto.server", "-H", self._address, "-p", port]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self.answers, START_SECONDS)

    def stop(self) -> None:
        """End it, also when it hangs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """From now on it takes connections and does not answer."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again; nothing is lost."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It hangs within the block."""
        self.hang()
        try:
            yield
        finally:
            self.go_on()

    def answers(self) -> bool:
        """Whether somebody is there."""
        with suppress(httpx.TransportError):
            return httpx.get(self.url, timeout=5).status_code < 500
        return False

    def bucket(self, name: str) -> str:
        """A new bucket; its name."""
        self._ask("PUT", name)
        return name

    def put(self, bucket: str, key: str, data: bytes | str) -> None:
        """An object, new or in place of an old one."""
        self._ask("PUT", f"{bucket}/{key}", data.encode() if isinstance(data, str) else data)

    def get(self, bucket: str, key: str) -> bytes:
        """What an object holds."""
        return self._ask("GET", f"{bucket}/{key}").content

    def delete(self, bucket: str, key: str) -> None:
        """Without this object."""
        self._ask("DELETE", f"{bucket}/{key}")

    def keys(self, bucket: str) -> list[str]:
        """The keys of a bucket's first thousand objects."""
        listing = self._ask("GET", f"{bucket}?list-type=2").text
        return re.findall(r"<Key>([^<]*)</Key>", listing)

    def asked(self) -> list[tuple[str, str]]:
        """Method and path of each request that was answered so far."""
        return _REQUEST.findall(self._log.read_text(errors="replace"))

    def _ask(self, method: str, path: str, data: bytes = b"") -> httpx.Response:
        url = f"{self.url}/{quote(path, safe='/?=&-')}"
        answer = httpx.request(method, url, content=data, headers=_SIGNED, timeout=60)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer


@contextmanager
def object_store(folder: Path, address: str = "127.0.0.1") -> Iterator[ObjectStoreServer]:
    """A server on a free port, ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = ObjectStoreServer(folder, address)
    try:
        server.start()
        yield server
    finally:
        server.stop()
