"""What the hub is told of origins, and which settings of them are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.handlers import base as hub_handlers
from jupyterhub.spawner import Spawner
from traitlets.config import Config

from dsw.errors import ConfigError
from dsw.settings import HubSettings, Settings
from dsw_spawners import origins

OWN = {"subdomain_host": "https://dsw.example.com"}


@pytest.fixture(autouse=True)
def session_cookie() -> Iterator[None]:
    """The name is kept in a module of the hub."""
    kept = hub_handlers.SESSION_COOKIE_NAME
    yield
    hub_handlers.SESSION_COOKIE_NAME = kept


def applied(config: Config | None = None, **values: Any) -> Config:
    config = config or Config()
    config.Spawner.environment = {"KEPT": "1"}
    origins.apply(config, HubSettings.model_validate(values))
    return config


def test_users_have_hosts_and_services_have_the_hubs_own() -> None:
    app = JupyterHub(config=applied(**OWN, base_url="/x/"))
    app.base_url = "/x/"
    hook = app.subdomain_hook
    assert hook("alice", "", kind="user") == "alice.dsw.example.com"
    assert hook("dsw", "dsw.example.com", kind="service") == "dsw.example.com"
    assert app.public_url == "https://dsw.example.com/x/"
    assert app.hub_routespec == "dsw.example.com/"
    assert app.domain == "dsw.example.com"


def test_the_cookie_of_the_session_stays_on_the_hubs_own_host() -> None:
    operators = Config()
    operators.JupyterHub.tornado_settings = {"headers": {"X-Of": "operator"}, "domain": "x.org"}
    app = JupyterHub(config=applied(operators, **OWN))
    assert app.tornado_settings["domain"] == ""
    assert app.tornado_settings["headers"] == {"X-Of": "operator"}
    assert JupyterHub(config=applied(**OWN)).tornado_settings["domain"] == ""
    spawner = Spawner(config=applied(**OWN))
    assert spawner.environment["KEPT"] == "1"
    assert "::/0" in spawner.environment["JUPYTERHUB_XSRF_ANONYMOUS_IP_CIDRS"]


def test_no_other_host_can_set_a_cookie_of_the_hub_by_https() -> None:
    assert hub_handlers.SESSION_COOKIE_NAME == "jupyterhub-session-id"
    app = JupyterHub(config=applied(subdomain_host="http://dsw.localhost:8000"))
    assert not app.cookie_host_prefix_enabled
    assert hub_handlers.SESSION_COOKIE_NAME == "jupyterhub-session-id"
    app = JupyterHub(config=applied(**OWN))
    assert app.cookie_host_prefix_enabled
    assert app.tornado_settings["xsrf_cookie_kwargs"] == {"secure": True}
    assert hub_handlers.SESSION_COOKIE_NAME == "__Host-jupyterhub-session-id"


def test_a_shared_origin_is_left_as_it_is() -> None:
    config = applied(public_url="https://hub.example.org")
    assert config == Config({"Spawner": {"environment": {"KEPT": "1"}}})


@pytest.mark.parametrize(
    "hub",
    [
        {},
        {"host": "localhost"},
        {"host": "::1"},
        {"host": "127.0.0.5"},
        {"host": "192.0.2.1", "allow_shared_origin": True},
        {"host": "::", **OWN},
        {"host": "", **OWN},
        {"host": "hub.example.org", **OWN},
        {"public_url": "http://localhost:9000/"},
        {"public_url": "https://hub.example.org/", "allow_shared_origin": True},
        {"public_url": "https://dsw.example.com/", **OWN},
        {"public_url": "https://dsw.example.com:443/x/", **OWN},
        {"subdomain_host": "http://localhost:8000"},
    ],
)
def test_these_origins_are_allowed(hub: dict[str, object]) -> None:
    origins.check(Settings.model_validate({"hub": hub}))


@pytest.mark.parametrize(
    "hub",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": ""},
        {"host": "*"},
        {"host": "192.0.2.1"},
        {"host": "2001:db8::1"},
        {"host": "::ffff:192.0.2.1"},
        {"host": "hub.example.org"},
        {"host": "127.0.0.1.example.org"},
        {"public_url": "https://hub.example.org/"},
    ],
)
def test_a_public_address_is_refused_on_a_shared_origin(hub: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as refused:
        origins.check(Settings.model_validate({"hub": hub}))
    (key,) = hub
    assert refused.value.sentence == (
        f"hub.{key} = {hub[key]!r} is a public address, and all users would share one origin: an "
        "instance could then act in another user's name. Give each user an own one by "
        "hub.subdomain_host; or listen on 127.0.0.1; or, where all users trust each other, set "
        "hub.allow_shared_origin = true."
    )


@pytest.mark.parametrize(
    ("hub", "said"),
    [
        ({"traits": {"JupyterHub": OWN}}, "Set hub.subdomain_host instead."),
        ({"traits": {"JupyterHub": OWN}, **OWN}, "Set hub.subdomain_host instead."),
        ({"subdomain_host": "http://127.0.0.1:8000"}, "has no hosts below"),
        ({"public_url": "https://other.example.com/", **OWN}, "Leave hub.public_url empty."),
        ({"public_url": "http://dsw.example.com/", **OWN}, "Leave hub.public_url empty."),
    ],
)
def test_settings_that_contradict_each_other_are_refused(hub: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        origins.check(Settings.model_validate({"hub": hub}))
    assert said in refused.value.sentence
