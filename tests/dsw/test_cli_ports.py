"""`dsw ports` against a running control, which an instance's server has told what is open."""

from __future__ import annotations

from typing import Any

import httpx
from tests.dsw.terminals import Terminal
from tests.polling import eventually
from tests.stub_hub import instance_token

from dsw.instances import InstanceView

OPEN = {
    "apps": [{"name": "board", "title": "Board", "path": "board/?run=1"}],
    "ports": [{"port": 8000, "process": "python"}, {"port": 9000}],
}


def tell(dsw: Terminal, item: InstanceView, body: Any) -> None:
    """What the instance's own server does."""
    url = f"{dsw.url}/services/dsw/api/instances/{item.id}/endpoints"
    token = instance_token(item.owner, item.name)
    assert httpx.put(url, json=body, headers=token, trust_env=False).status_code == 204


def test_the_apps_and_ports_of_an_instance_are_listed_with_their_addresses(dsw: Terminal) -> None:
    dsw.ok("workspaces", "create", "ports", "--owner", "ada")
    made = dsw.json("instances", "create", "Train", "--spec", "small", "-w", "ports", who="ada")
    item = InstanceView.model_validate(made)
    early = dsw("ports", "train", who="ada")
    assert (early.status, "has not told yet" in early.err) == (1, True)
    tell(dsw, item, OPEN)
    base = f"{dsw.url}{item.url}"
    assert dsw.json("ports", "train", who="ada") == [
        {"name": "board", "program": "Board", "url": f"{base}board/?run=1"},
        {"name": "8000", "program": "python", "url": f"{base}proxy/8000/"},
        {"name": "9000", "program": "", "url": f"{base}proxy/9000/"},
    ]
    shown = dsw.ok("ports", item.id, who="ada")
    assert [line.split()[0] for line in shown.splitlines()] == ["NAME", "board", "8000", "9000"]
    tell(dsw, item, {"apps": [], "ports": []})
    assert "train has no apps" in dsw.ok("ports", "train", who="ada")
    dsw.ok("instances", "stop", "train", who="ada")
    stopped = dsw("ports", "train", who="ada")
    assert (stopped.status, "train is Stopped" in stopped.err) == (1, True)
    assert eventually(lambda: dsw("ports", "train", who="bob").status == 1)
