"""The registry protocol as the catalog needs it: what a name stands for now, and its removal.

Nothing that a registry answers is passed on to people but its status: its words, and those of
whatever else may answer there, could be anything.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urljoin

import httpx

from dsw.base import Model
from dsw.errors import Invalid, Unavailable
from dsw.image_config import ImageConfig, read_config
from dsw.plan import RegistryLogin
from dsw.references import DEFAULT_HOST, ImageReference, host_name
from dsw.settings import Settings
from dsw_control.assets.manifests import ACCEPT, Index, Manifest, not_for, read_json, read_manifest
from dsw_control.assets.reach import Guarded
from dsw_control.assets.registry_auth import Token, basic, read_token, scope_of, token_request
from dsw_control.context import Control
from dsw_control.registry_tokens import asked, below, signer_for

HUB_API = "registry-1.docker.io"
ANSWER_SECONDS = 10
ALL_SECONDS = 30
HOPS = 3
MANIFEST_BYTES = 4 * 2**20
TOKEN_BYTES = 2**16
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NOTHING: Mapping[str, str] = MappingProxyType({})

T = TypeVar("T")
Sign = Callable[[list[str]], Token]


class RemoteImage(Model):
    """An image in a registry, of one platform; `size` in bytes of its compressed layers."""

    digest: str
    size: int
    config: ImageConfig


class Answer(Model):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Registry:
    """One registry, asked with a login or without; `opened` makes it."""

    def __init__(
        self, http: httpx.AsyncClient, host: str, login: RegistryLogin | None, scheme: str
    ) -> None:
        self._sign: Sign | None = None
        self._http = http
        self._host = host
        self._login = login
        self._base = f"{scheme}://{HUB_API if host == DEFAULT_HOST else host}"
        self._authorization = ""

    def sign_with(self, settings: Settings) -> None:
        """Take no tokens from a service where control itself signs those of the registry."""
        signer = signer_for(settings)
        if signer is not None:
            self._sign = lambda scopes: signer.token(
                settings.registry.username, below(settings.registry, asked(scopes))
            )

    async def image(self, reference: ImageReference, platform: str) -> RemoteImage:
        """What the reference stands for on this platform (`os/architecture`)."""
        body = await self._blob(reference, "manifests", reference.tag or reference.digest)
        manifest = _read(read_manifest, body, reference)
        digest = _digest(body)
        if isinstance(manifest, Index):
            digest = manifest.choose(platform).digest
            body = await self._blob(reference, "manifests", digest)
            manifest = _read(read_manifest, body, reference)
        if not isinstance(manifest, Manifest):
            raise _no_image(reference)
        if manifest.config.size > MANIFEST_BYTES:
            raise _too_large(reference)
        text = await self._blob(reference, "blobs", manifest.config.digest)
        config = _read(_read_config, text, reference)
        if config.platform != platform:
            raise not_for(config.platform, platform)
        return RemoteImage(digest=digest, size=manifest.size, config=config)

    async def has(self, reference: ImageReference) -> bool:
        """Whether the registry has what the reference names."""
        answer = await self._call("GET", self._url(reference, "manifests"))
        if answer.status not in (200, 404):
            raise self._refusal(reference, answer.status)
        return answer.status == 200

    async def digest(self, reference: ImageReference) -> str:
        """The digest of what the reference names; empty when there is nothing."""
        answer = await self._call("GET", self._url(reference, "manifests"))
        return _digest(answer.body) if answer.status == 200 else ""

    async def manifest(self, pinned: ImageReference) -> tuple[str, bytes]:
        """Media type and content of what has this digest."""
        answer = await self._call("GET", self._url(pinned, "manifests"))
        if answer.status != 200:
            raise self._refusal(pinned, answer.status)
        if _digest(answer.body) != pinned.digest:
            raise Invalid(f"The registry {self._host} answered with another image than {pinned}.")
        return answer.headers.get("content-type", ""), answer.body

    async def call(
        self, method: str, path: str, kind: str = "", body: bytes = b""
    ) -> Answer | None:
        """The answer to a call of a path below `/v2/`, or of an address that the registry itself
        gave; None for one that is elsewhere."""
        url = urljoin(f"{self._base}/v2/", path)
        if not url.startswith(f"{self._base}/v2/"):
            return None
        return await self._call(method, url, {"Content-Type": kind} if kind else {}, body)

    async def token(self, scopes: list[str]) -> Token | None:
        """A token for these scopes alone; None when the registry asks for none. `Invalid` when the
        login is not let in."""
        if self._sign is not None:
            return self._sign(scopes)
        answer = await self._send("GET", f"{self._base}/v2/", {})
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != 401 or not challenge.lower().startswith("bearer "):
            return None
        token = await self._ask_token(challenge, scopes)
        if token is None:
            raise Invalid(
                f"The registry {self._host} does not accept the credential.",
                "Store one that is good, and name it for the registry.",
            )
        return token

    def _url(self, reference: ImageReference, kind: str, name: str = "") -> str:
        name = name or reference.tag or reference.digest
        return f"{self._base}/v2/{reference.repository}/{kind}/{name}"

    async def _blob(self, reference: ImageReference, kind: str, name: str) -> bytes:
        """A manifest or blob, which has the digest that it was asked by."""
        answer = await self._call("GET", self._url(reference, kind, name))
        if answer.status != 200:
            raise self._refusal(reference, answer.status)
        if name.startswith("sha256:") and _digest(answer.body) != name:
            raise Invalid(f"The registry {self._host} answered with another image than {name}.")
        return answer.body

    async def _call(
        self, method: str, url: str, more: Mapping[str, str] = NOTHING, content: bytes = b""
    ) -> Answer:
        """The answer to a call, authorized where that was wanted, and redirections followed."""
        headers = {**more, "Authorization": self._authorization}
        answer = await self._send(method, url, headers, content=content)
        if answer.status == 401:
            self._authorization = await self._authorize(answer.headers.get("www-authenticate", ""))
            headers["Authorization"] = self._authorization
            answer = await self._send(method, url, headers, content=content)
        hops = 0
        while answer.status in REDIRECTS and method == "GET":
            hops += 1
            if hops > HOPS:
                raise self._broken("sends from one address to the next")
            url = urljoin(url, answer.headers.get("location", ""))
            # Storage has its own ways of knowing who may read; the login is not for it.
            ours = url.startswith(f"{self._base}/")
            answer = await self._send(
                method, url, {"Authorization": self._authorization if ours else ""}
            )
        return answer

    async def _authorize(self, challenge: str) -> str:
        if not challenge.lower().startswith("bearer "):
            return basic(self._login) if self._login else ""
        token = await self._ask_token(challenge)
        return f"Bearer {token.text}" if token else ""

    async def _ask_token(self, challenge: str, scopes: list[str] | None = None) -> Token | None:
        """A token for the scopes, by default those of the challenge; None when it is refused."""
        if self._sign is not None:
            return self._sign(scopes or [scope_of(challenge)])
        try:
            service = token_request(challenge, scopes)
        except httpx.InvalidURL as error:
            raise self._broken("names no address for its tokens") from error
        headers = {"Authorization": basic(self._login) if self._login else ""}
        answer = await self._send("GET", str(service), headers, TOKEN_BYTES)
        if answer.status != 200:
            return None
        try:
            return read_token(answer.body)
        except ValueError as error:
            raise self._broken("gave no token") from error

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limit: int = MANIFEST_BYTES,
        content: bytes = b"",
    ) -> Answer:
        """One request and its answer, not decompressed and of at most `limit` bytes."""
        sent = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
        sent |= {name: value for name, value in headers.items() if value}
        body = bytearray()
        try:
            async with self._http.stream(method, url, headers=sent, content=content) as response:
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > limit:
                        raise self._broken(f"sends more than {limit} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"The registry {self._host} does not answer.",
                "See whether its name is right and control can reach it, then try again.",
            ) from error
        return Answer(status=response.status_code, headers=dict(response.headers), body=bytes(body))

    def _refusal(self, reference: ImageReference, status: int) -> Invalid | Unavailable:
        if status in (401, 403):
            return Invalid(
                f"The registry {self._host} does not let us read {reference}.",
                "Name a credential for it whose user may, or ask who keeps the registry.",
            )
        if status == 404:
            return Invalid(f"The registry {self._host} has no image {reference}.")
        if status == 429:
            return Unavailable(
                f"The registry {self._host} was asked too often.",
                "Try again later, or with a credential.",
            )
        return Unavailable(f"The registry {self._host} answered {status}.", "Try again later.")

    def _broken(self, what: str) -> Invalid:
        return Invalid(f"The registry {self._host} {what}.", "Is it a registry of images?")


@asynccontextmanager
async def opened(
    settings: Settings, host: str, login: RegistryLogin | None, insecure: bool = False
) -> AsyncIterator[Registry]:
    """A registry to ask, for half a minute; `Unavailable` after that.

    Its login goes to this host, and to the token service that this host names. `insecure` is for
    what an administrator allowed: plain http on loopback.
    """
    own = host == host_name(settings.registry.address)
    insecure = insecure or (own and settings.registry.insecure)
    scheme = "http" if insecure else "https"
    trusted = own or insecure
    context = httpx.create_ssl_context()
    if settings.images.ca_file:
        context.load_verify_locations(settings.images.ca_file)
    try:
        async with (
            asyncio.timeout(ALL_SECONDS),
            httpx.AsyncClient(
                transport=Guarded(context, trusted=trusted),
                timeout=ANSWER_SECONDS,
                trust_env=False,
            ) as http,
        ):
            there = Registry(http, host, login, scheme)
            if own and login is not None:
                there.sign_with(settings)
            yield there
    except TimeoutError as error:
        raise Unavailable(
            f"The registry {host} does not answer in time.", "Try again later."
        ) from error


def own_login(control: Control, host: str) -> RegistryLogin | None:
    """The installation's own login, for its own registry."""
    own = control.settings.registry
    if not own.username or host != host_name(own.address):
        return None
    return RegistryLogin(username=own.username, secret=control.registry_password)


def _read(read: Callable[[bytes], T], body: bytes, reference: ImageReference) -> T:
    try:
        return read(body)
    except ValueError as error:
        raise _no_image(reference) from error


def _read_config(body: bytes) -> ImageConfig:
    tree = read_json(body)
    if not isinstance(tree, dict):
        raise ValueError("no object")
    return read_config(tree.get("os"), tree.get("architecture"), tree.get("config"))


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _no_image(reference: ImageReference) -> Invalid:
    return Invalid(
        f"What the registry has as {reference} is not an image that can be run.",
        "It must have an OCI manifest or Docker's of version 2.",
    )


def _too_large(reference: ImageReference) -> Invalid:
    return Invalid(f"The description of {reference} is larger than any image needs.")
