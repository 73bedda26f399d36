"""Which addresses control connects to when users name the host, checked after its name is resolved.

A name is resolved once and the connection made to that address, so that a name which resolves to
another one the next time reaches nothing either.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from dsw.errors import Invalid

Address = IPv4Address | IPv6Address

_METADATA = frozenset(
    ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds tell a machine its secrets, beside 169.254.169.254, which is link-local."""
_NAT64 = ip_network("64:ff9b::/96")


class Guarded(httpx.AsyncBaseTransport):
    """Connects over TLS to hosts of the internet and of the site's network.

    `Invalid` for loopback, link-local, multicast and metadata addresses. With `trusted`, for the
    registry that the operator configured, all addresses are allowed, and plain http on loopback.
    """

    def __init__(self, verify: ssl.SSLContext, *, trusted: bool) -> None:
        self._trusted = trusted
        self._inner = httpx.AsyncHTTPTransport(verify=verify)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send to the first address of the host that takes the connection."""
        host = request.url.host
        for address in await self._addresses(request.url):
            sent = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(sent)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _addresses(self, url: httpx.URL) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                url.host, url.port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{url.host} has no address") from error
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        for text in addresses:
            self._check(url, _meant(ip_address(text.partition("%")[0])))
        return addresses

    def _check(self, url: httpx.URL, address: Address) -> None:
        """`Invalid` for an address of the URL's host that must not be connected to."""
        if url.scheme != "https" and not (self._trusted and address.is_loopback):
            raise Invalid(f"{url.host} is only reached over https.")
        if not self._trusted and not may_reach(address):
            raise Invalid(
                f"{url.host} is at {address}, where images may not come from.",
                "Name a registry of the internet or of your network, or ask an administrator.",
            )


def may_reach(address: Address) -> bool:
    """Whether a registry that a user names may be there; private networks are allowed."""
    address = _meant(address)
    # IPv6 counts ::/8, of which some is loopback by another name, as reserved.
    return not (
        address in _METADATA
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or (isinstance(address, IPv4Address) and address.packed[0] == 0)
    )


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
