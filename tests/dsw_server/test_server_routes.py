"""Every route of the extension, over HTTP against a real Jupyter server."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator

import pytest
from tests.data_control import DATASET, mount
from traitlets.config import Config

from dsw.names import new_id
from dsw_server.app import HUB_ANSWER_MAX_AGE, apply_defaults
from dsw_server.checkout import Checkout
from dsw_server.control import Control
from dsw_server.handler import Handler
from dsw_server.handlers import routes
from dsw_server.metrics import Sampler

from .conftest import (
    FORECAST,
    FOREIGN,
    IMAGE,
    INSTANCE,
    JUPYTER_TOKEN,
    OWN,
    REPORT,
    Server,
    StandInControl,
)

MOUNT = new_id("mnt")
METHODS = ("get", "head", "post", "put", "patch", "delete")


def every_action() -> Iterator[tuple[str, str]]:
    """Method and path (without the base URL) of everything that the extension answers."""
    nothing = Checkout({}, logging.getLogger())
    for pattern, handler, _ in routes(Control({}), Sampler(), nothing):
        path = _filled(pattern)
        for method in METHODS:
            if getattr(handler, method) is not getattr(Handler, method):
                yield method, path


def _filled(pattern: str) -> str:
    ids = {"snap": OWN, "ds": DATASET, "mnt": MOUNT}
    path = re.sub(r"\((\w+)-.*\)", lambda found: ids[found[1]], pattern).lstrip("/")
    return f"{path}?path=labels.csv" if path.endswith("preview") else path


def body_for(path: str) -> dict[str, str]:
    """What a POST there needs."""
    if path.endswith("mounts"):
        return {"dataset": "imagenet"}
    return {"name": "x"} if path.endswith("snapshots") else {}


def test_every_action_demands_a_signed_in_user(server: Server, control: StandInControl) -> None:
    actions = list(every_action())
    assert len(actions) >= 17
    control.data.mounts = [mount(id=MOUNT)]
    control.progress = {"state": "Saved", "image_id": IMAGE}
    with server.stranger() as stranger:
        for method, path in actions:
            answer = stranger.request(method, path, json=body_for(path))
            assert answer.status_code == 403, (method, path)
    assert control.calls == []
    for method, path in actions:
        answer = server.client.request(method, path, json=body_for(path))
        assert answer.is_success, (method, path)
    assert control.calls


def test_every_change_demands_the_xsrf_token_of_a_browser(
    server: Server, control: StandInControl
) -> None:
    changes = [action for action in every_action() if action[0] in ("post", "delete")]
    assert len(changes) == 5
    with server.stranger() as browser:
        assert browser.get("login").status_code == 200
        browser.get("login", params={"token": JUPYTER_TOKEN})
        assert browser.get("dsw/api/metrics").status_code == 200
        for method, path in changes:
            refused = browser.request(method, path, json=body_for(path))
            assert (refused.status_code, "_xsrf" in refused.text) == (403, True)
        assert control.calls == []
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"]}
        path = "dsw/api/snapshots"
        assert browser.post(path, json=body_for(path), headers=xsrf).status_code == 202


def test_save_cancel_and_list_reach_control_as_this_instance(
    server: Server, control: StandInControl
) -> None:
    saved = server.client.post("dsw/api/snapshots", json={"name": "环境 1"})
    assert (saved.status_code, saved.json()["state"]) == (202, "Preparing")
    assert server.client.get(f"dsw/api/snapshots/{OWN}").json()["bytes_done"] == 5
    assert server.client.get("dsw/api/snapshots").json()["items"][0]["id"] == OWN
    assert server.client.get("dsw/api/instance").json()["id"] == INSTANCE
    cancelled = server.client.post(f"dsw/api/snapshots/{OWN}/cancel")
    assert cancelled.json()["state"] == "Cancelled"
    method, path, sent = control.calls[0]
    assert (method, path) == ("POST", f"/instances/{INSTANCE}/snapshots")
    assert (sent["name"], sent["mode"], sent["exclude"]) == ("环境 1", "consistent", [])
    assert ("POST", f"/snapshots/{OWN}/cancel", None) in control.calls


def test_all_that_a_snapshot_may_be_told_reaches_control(
    server: Server, control: StandInControl
) -> None:
    wanted = {
        "name": "torch",
        "description": "for fraud",
        "mode": "live",
        "tag": "v1.2",
        "exclude": ["/opt/cache", "*.ckpt"],
        "full": True,
    }
    assert server.client.post("dsw/api/snapshots", json=wanted).status_code == 202
    assert control.calls == [("POST", f"/instances/{INSTANCE}/snapshots", wanted)]


def test_a_forecast_is_controls_answer_about_this_instance(
    server: Server, control: StandInControl
) -> None:
    wanted = {"exclude": ["/opt/cache"], "full": False}
    answer = server.client.post("dsw/api/snapshots/forecast", json=wanted)
    assert (answer.status_code, answer.json()) == (200, FORECAST)
    assert control.calls == [("POST", f"/instances/{INSTANCE}/snapshots/forecast", wanted)]
    control.refusal = (409, b'{"code": "conflict", "detail": "It is being stopped."}')
    refused = server.client.post("dsw/api/snapshots/forecast", json={})
    assert (refused.status_code, refused.json()["detail"]) == (409, "It is being stopped.")


def test_the_report_is_of_the_image_that_the_snapshot_made(
    server: Server, control: StandInControl
) -> None:
    unfinished = server.client.get(f"dsw/api/snapshots/{OWN}/report")
    assert (unfinished.status_code, "made no image" in unfinished.text) == (404, True)
    control.progress = {"state": "Saved", "image_id": IMAGE}
    assert server.client.get(f"dsw/api/snapshots/{OWN}/report").json() == REPORT


def test_another_instances_snapshot_does_not_exist_here(
    server: Server, control: StandInControl
) -> None:
    assert server.client.get(f"dsw/api/snapshots/{FOREIGN}").status_code == 404
    assert server.client.get(f"dsw/api/snapshots/{FOREIGN}/report").status_code == 404
    assert server.client.post(f"dsw/api/snapshots/{FOREIGN}/cancel").status_code == 404
    assert {(method, path) for method, path, _ in control.calls} == {
        ("GET", f"/snapshots/{FOREIGN}")
    }
    for escape in (f"..%2finstances%2f{INSTANCE}", "forecast%2f..", f"{FOREIGN}%2f..%2f{OWN}"):
        assert server.client.get(f"dsw/api/snapshots/{escape}").status_code == 404
    assert len(control.calls) == 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"exclude": "/opt"}', "exclude"),
        (b'{"exclude": ["two\\nlines"]}', "exclude.0"),
        (b'{"exclude": [""]}', "exclude.0"),
        (b'{"upper": "/etc"}', "upper"),
        (b'{"name": "x"}', "name"),
        (b"null", "the body"),
    ],
)
def test_a_forecast_is_asked_with_a_closed_schema(
    server: Server, control: StandInControl, body: bytes, says: str
) -> None:
    answer = server.client.post("dsw/api/snapshots/forecast", content=body)
    assert (answer.status_code, f"is wrong: {says}: " in answer.json()["detail"]) == (422, True)
    assert control.calls == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the body"),
        (b"[]", "the body"),
        (b'{"name": ""}', "name"),
        (b'{"name": "two\\nlines"}', "name"),
        (b'{"name": "x", "image": "evil:latest"}', "image"),
        (b'{"name": "' + b"x" * 101 + b'"}', "name"),
        (b'{"name": "x", "mode": "frozen"}', "mode"),
        (b'{"name": "x", "tag": "../latest"}', "tag"),
        (b'{"name": "x", "instance_id": "dsw-other"}', "instance_id"),
    ],
)
def test_a_wrong_request_never_reaches_control(
    server: Server, control: StandInControl, body: bytes, says: str
) -> None:
    answer = server.client.post("dsw/api/snapshots", content=body)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert f"is wrong: {says}: " in answer.json()["detail"]
    assert control.calls == []


def test_controls_refusal_is_passed_on_with_its_sentence(
    server: Server, control: StandInControl
) -> None:
    control.refusal = (409, b'{"code": "conflict", "detail": "It is being saved already."}')
    answer = server.client.post("dsw/api/snapshots", json={"name": "x"})
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["detail"]) == ("conflict", "It is being saved already.")


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]"])
def test_an_answer_that_is_not_controls_is_503(
    server: Server, control: StandInControl, body: bytes
) -> None:
    control.refusal = (502, body)
    answer = server.client.get("dsw/api/instance")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"


def test_a_control_that_does_not_answer_is_503(start_server: Callable[..., Server]) -> None:
    server = start_server(
        DSW_CONTROL_URL="http://127.0.0.1:9/services/dsw",
        DSW_INSTANCE_ID=INSTANCE,
        JUPYTERHUB_API_TOKEN="x",
    )
    answer = server.client.get("dsw/api/snapshots")
    assert answer.status_code == 503
    assert "control service does not answer" in answer.json()["detail"]


def test_outside_an_instance_there_are_metrics_and_nothing_to_save(
    start_server: Callable[..., Server],
) -> None:
    server = start_server()
    answer = server.client.post("dsw/api/snapshots", json={"name": "x"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "This server was not started by the workbench."
    assert server.client.get("dsw/api/metrics").json()["memory_used"] > 0


def test_asking_is_no_activity(server: Server) -> None:
    before = server.client.get("api/status").json()["last_activity"]
    server.client.get("dsw/api/metrics")
    server.client.get("dsw/api/snapshots")
    server.client.post("dsw/api/snapshots", json={"name": "x"})
    first = server.client.get("api/status").json()["last_activity"]
    assert before == first


def test_metrics_are_of_this_server(server: Server) -> None:
    metrics = server.client.get("dsw/api/metrics").json()
    assert 0 <= metrics["cpu_percent"] <= 100
    assert 10 * 1024**2 < metrics["memory_used"] <= metrics["memory_limit"]
    assert 0 < metrics["cpu_limit"] <= (os.cpu_count() or 1)
    assert isinstance(metrics["gpus"], list)


def test_pages_may_be_framed_by_their_own_origin_only(server: Server) -> None:
    policy = server.client.get("login").headers["Content-Security-Policy"]
    assert policy == "frame-ancestors 'self'"


class AServer:
    """As much of a ServerApp as carries settings."""

    def __init__(self, config: Config, headers: dict[str, str]) -> None:
        from jupyterhub.singleuser.extension import JupyterHubIdentityProvider

        self.config = config
        self.identity_provider = JupyterHubIdentityProvider(config=config)
        self.web_app = type("WebApp", (), {"settings": {"headers": headers}})


@pytest.fixture
def hub_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "x")
    monkeypatch.setenv("JUPYTERHUB_API_URL", "http://127.0.0.1:9/hub/api")
    monkeypatch.setenv("JUPYTERHUB_CLIENT_ID", "jupyterhub-user-alice-train")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/alice/train/")


@pytest.mark.usefixtures("hub_environment")
@pytest.mark.parametrize("asked_before", [False, True])
def test_a_revoked_share_ends_within_seconds(asked_before: bool) -> None:
    app = AServer(Config(), {})
    if asked_before:
        app.identity_provider.hub_auth.cache["key"] = "answer"
    apply_defaults(app)
    assert app.identity_provider.hub_auth.cache.max_age == HUB_ANSWER_MAX_AGE == 10


@pytest.mark.usefixtures("hub_environment")
@pytest.mark.parametrize("name", ["HubAuth", "HubOAuth"])
def test_what_was_set_on_purpose_stays(name: str) -> None:
    app = AServer(Config({name: {"cache_max_age": 60}}), {"Content-Security-Policy": "mine"})
    apply_defaults(app)
    assert app.identity_provider.hub_auth.cache_max_age == 60
    assert app.web_app.settings["headers"]["Content-Security-Policy"] == "mine"
