"""How the hub gives each user an origin of their own, and when one for all is refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.handlers import base as hub_handlers

from dsw import origins
from dsw.errors import ConfigError
from dsw.settings import HubSettings, Settings

SESSION_COOKIE = "__Host-jupyterhub-session-id"
EVERYBODY = "0.0.0.0/0;::/0"


def subdomain_hook(hub: HubSettings) -> Callable[[str, str, str], str]:
    """JupyterHub's hook for host names: services are on the hub's own."""

    def host(name: str, domain: str, kind: str) -> str:
        return origins.user_host(hub, name) if kind == "user" else origins.domain(hub)

    return host


def apply(config: Any, hub: HubSettings) -> None:
    """Set what gives each user an origin of their own, after the operator's own traits."""
    if not hub.subdomain_host:
        return
    config.JupyterHub.subdomain_host = hub.subdomain_host
    config.JupyterHub.public_url = origins.public_url(hub)
    config.JupyterHub.subdomain_hook = subdomain_hook(hub)
    # Not on the hosts of instances, as JupyterHub would: a login there would be theirs.
    config.JupyterHub.hub_routespec = f"{origins.domain(hub)}/"
    # The domain that JupyterHub gives the cookie of the session's id; none keeps it from instances.
    config.JupyterHub.tornado_settings.update({"domain": ""})
    # In its place their XSRF tokens would carry the visitor's address, which changes with networks.
    config.Spawner.environment.update({"JUPYTERHUB_XSRF_ANONYMOUS_IP_CIDRS": EVERYBODY})
    if origins.locks_cookies(hub):
        config.JupyterHub.cookie_host_prefix_enabled = True
        config.JupyterHub.tornado_settings.update({"xsrf_cookie_kwargs": {"secure": True}})
        # The one cookie that this trait leaves out.
        hub_handlers.SESSION_COOKIE_NAME = SESSION_COOKIE


def check(settings: Settings) -> None:
    """`ConfigError` when the settings of origins contradict each other, or when people's servers
    would share one public origin without being told so."""
    hub = settings.hub
    if "subdomain_host" in hub.traits.get("JupyterHub", {}):
        raise ConfigError(
            "hub.traits.JupyterHub.subdomain_host alone would leave control without an address.",
            "Set hub.subdomain_host instead.",
        )
    if hub.subdomain_host:
        _check_domain(hub)
    elif not hub.allow_shared_origin:
        _refuse_shared_origin(hub)


def _check_domain(hub: HubSettings) -> None:
    if _is_address(origins.domain(hub)):
        raise ConfigError(
            f"hub.subdomain_host = {hub.subdomain_host!r} is an address, which has no hosts below.",
            "Name a host, such as https://dsw.example.com, or http://dsw.localhost:8000 on one "
            "machine.",
        )
    if hub.public_url and _origin(hub.public_url) != _origin(hub.subdomain_host):
        raise ConfigError(
            f"hub.public_url = {hub.public_url!r} is another address than hub.subdomain_host = "
            f"{hub.subdomain_host!r}.",
            "Leave hub.public_url empty.",
        )


def _refuse_shared_origin(hub: HubSettings) -> None:
    wrong = f"hub.host = {hub.host!r}"
    if _is_loopback(hub.host):
        public = urlsplit(hub.public_url).hostname if hub.public_url else "localhost"
        if _is_loopback(public or ""):
            return
        wrong = f"hub.public_url = {hub.public_url!r}"
    raise ConfigError(
        f"{wrong} is a public address, and all users would share one origin: an instance could "
        "then act in another user's name.",
        "Give each user an own one by hub.subdomain_host; or listen on 127.0.0.1; or, where all "
        "users trust each other, set hub.allow_shared_origin = true.",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname or "", parts.port or default
