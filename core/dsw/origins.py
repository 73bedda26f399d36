"""On which host each part is: all on one; or, with `hub.subdomain_host`, hub, control and console
on the workbench's own, and the instances of each user on one below it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from dsw.names import host_label
from dsw.settings import HubSettings

OTHERS = frozenset({"same-site", "cross-site"})
"""What `Sec-Fetch-Site` says of a request that a page of another origin made. Instances are on
hosts below the workbench's own, so they are the same site, and `SameSite` keeps no cookie back."""


def domain(hub: HubSettings) -> str:
    """The workbench's own host name; empty on a shared origin that nobody has named."""
    return urlsplit(hub.subdomain_host or hub.public_url).hostname or ""


def user_host(hub: HubSettings, user: str) -> str:
    """The host name of a user's instances, below the workbench's own."""
    return f"{host_label(user)}.{domain(hub)}"


def user_origin(hub: HubSettings, user: str) -> str:
    """The origin of a user's instances, such as `https://alice.dsw.example.com`; empty where all
    users share one."""
    if not hub.subdomain_host:
        return ""
    parts = urlsplit(hub.subdomain_host)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{user_host(hub, user)}{port}"


def public_url(hub: HubSettings) -> str:
    """The address that people use, up to the slash after `hub.base_url`; empty where no setting
    says it."""
    if hub.subdomain_host:
        return hub.subdomain_host + hub.base_url
    return hub.public_url


def is_https(hub: HubSettings) -> bool:
    """Whether the settings say that people come by https."""
    return public_url(hub).startswith("https://")


def locks_cookies(hub: HubSettings) -> bool:
    """Whether cookies of hub and control carry the prefix `__Host-`: no other host can set them.

    They then have the path `/`, so never where instances are on the same host.
    """
    return bool(hub.subdomain_host) and is_https(hub)
