"""Whether a repository can be read: the first request of a clone, without git.

Users name the host. Nothing that it answers is passed on, it is given its credential only at the
address that was registered, and control asks neither itself and its neighbours nor the addresses
where clouds tell secrets.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from urllib.parse import urljoin, urlsplit

import httpx

from dsw.errors import Invalid
from dsw.node_mounts import Repository
from dsw.settings import Settings
from dsw_control.assets.reach import Address, Guarded, may_reach
from dsw_control.assets.registry import REDIRECTS

SECONDS = 10
BYTES = 16 * 2**20
HOPS = 3
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


async def unreadable(settings: Settings, repository: Repository) -> str:
    """Why the repository, or the branch or tag, cannot be read, as a sentence; empty when it can.

    Whether it has a commit only a clone tells.
    """
    context = httpx.create_ssl_context()
    if settings.images.ca_file:
        context.load_verify_locations(settings.images.ca_file)
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(
                transport=_ToGitHosts(context, settings), timeout=SECONDS, trust_env=False
            ) as http,
        ):
            return await _Asked(http, repository).answer()
    except Invalid as error:
        return error.sentence
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
        host = urlsplit(repository.url).hostname
        return f"{host} does not answer, or shows no certificate that is trusted here."


class _ToGitHosts(Guarded):
    """Connects to hosts of the internet, of the site and of this machine, and not to what of the
    workbench itself listens here."""

    def __init__(self, verify: ssl.SSLContext, settings: Settings) -> None:
        super().__init__(verify, trusted=False)
        hub = settings.hub
        self._own = {hub.port, hub.api_port, hub.proxy_api_port, settings.control.port}
        self._own.add(settings.ssh.gateway_port)

    def _check(self, url: httpx.URL, address: Address) -> None:
        port = url.port or {"http": 80}.get(url.scheme, 443)
        allowed = may_reach(address) or address.is_loopback
        if not allowed or (port in self._own and _is_here(address)):
            raise Invalid(
                f"{url.host} is at an address where repositories may not be.",
                "Name a host of the internet or of your network.",
            )


def _is_here(address: Address) -> bool:
    """Whether the address is one of this machine's: only those can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


class _Asked:
    """One question to one repository."""

    def __init__(self, http: httpx.AsyncClient, repository: Repository) -> None:
        self._http = http
        self._repository = repository
        self._origin = _origin(repository.url)

    async def answer(self) -> str:
        """Why not; empty when it can be read."""
        url = _service(self._repository.url)
        for _ in range(HOPS):
            response = await self._send(url)
            if response.status_code not in REDIRECTS:
                return await self._judge(response)
            await response.aclose()
            url = urljoin(url, response.headers.get("location", ""))
            if _origin(url) != self._origin:
                return "The host sends elsewhere; register the address that it sends to."
        return "The host sends in circles."

    async def _send(self, url: str) -> httpx.Response:
        repository = self._repository
        login = httpx.BasicAuth(repository.username, repository.secret)
        request = self._http.build_request("GET", url, headers={"Accept-Encoding": "identity"})
        return await self._http.send(
            request, stream=True, auth=login if repository.secret else None
        )

    async def _judge(self, response: httpx.Response) -> str:
        try:
            kind = response.headers.get("content-type", "")
            if response.status_code in (401, 403):
                return "The host does not let us read it; name a credential whose user may."
            if response.status_code == 404:
                return "The host has no such repository, or shows it only to who logs in."
            if response.status_code != 200 or not kind.startswith(
                "application/x-git-upload-pack-advertisement"
            ):
                return "There is no git repository at this address."
            return await self._judge_refs(response)
        finally:
            await response.aclose()

    async def _judge_refs(self, response: httpx.Response) -> str:
        wanted = self._repository.ref
        if not wanted or _COMMIT.fullmatch(wanted):
            return ""
        names = {
            f"{folder}{wanted}".encode() for folder in ("refs/heads/", "refs/tags/", "refs/", "")
        }
        seen, left = 0, b""
        async for piece in response.aiter_raw():
            seen += len(piece)
            *lines, left = (left + piece).split(b"\n")
            if seen > BYTES or any(_ref_of(line) in names for line in lines):
                return ""
        return f"The repository has no branch or tag {wanted!r}."


def _service(url: str) -> str:
    """What a clone asks first."""
    return f"{url.rstrip('/')}/info/refs?service=git-upload-pack"


def _ref_of(line: bytes) -> bytes:
    """The name in a line such as `003f<commit> refs/heads/main`; behind NUL the server says what
    it can."""
    return line.partition(b" ")[2].partition(b"\0")[0]


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port or usual
