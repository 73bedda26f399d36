"""The configuration of a snapshot's image, from what Docker and other builders write."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dsw.agent import AgentRequest, AgentTarget
from dsw_agent.failures import SnapshotFailed
from dsw_agent.image_config import BaseConfig, rfc3339

NEW = "sha256:new"


def derived(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The configuration that a snapshot on this base gets."""
    values: dict[str, Any] = {
        "snapshot_id": "snap-aaaaaaaaaaaa",
        "upper": "/upper",
        "base_image": "x",
        "base_config": json.dumps(base),
        "mounts": [],
        "labels": {"b": "2"},
        "author": "alice",
        "created": datetime(2026, 1, 2, 3, 4, 5),
        "comment": "why",
        "target": AgentTarget(kind="engine", tag="x"),
    }
    request = AgentRequest.model_validate(values | changes)
    tree: dict[str, Any] = json.loads(BaseConfig(request.base_config).with_layer(NEW, request))
    return tree


def a_base(**changes: Any) -> dict[str, Any]:
    """A small OCI configuration with two layers."""
    base = {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "config": {"Env": ["A=b"], "Cmd": ["sh"], "Labels": {"a": "1"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:one", "sha256:two"]},
        "history": [
            {"created_by": "one"},
            {"created_by": "env", "empty_layer": True},
            {"created_by": "two"},
        ],
    }
    return base | changes


def test_the_layer_and_one_line_of_history_are_appended() -> None:
    tree = derived(a_base())
    assert tree["rootfs"]["diff_ids"] == ["sha256:one", "sha256:two", NEW]
    assert [line["created_by"] for line in tree["history"][:3]] == ["one", "env", "two"]
    assert tree["history"][3]["author"] == "alice"
    assert tree["history"][3]["comment"] == "why"
    assert tree["created"] == tree["history"][3]["created"] == "2026-01-02T03:04:05Z"


def test_platform_and_settings_stay_the_bases() -> None:
    tree = derived(a_base())
    assert (tree["architecture"], tree["variant"], tree["os"]) == ("arm64", "v8", "linux")
    expected = {"Env": ["A=b"], "Cmd": ["sh"], "Labels": {"a": "1", "b": "2"}}
    assert tree["config"] == expected
    assert BaseConfig(json.dumps(a_base())).platform == ("linux", "arm64", "v8")


def test_what_old_docker_wrote_of_its_build_container_goes() -> None:
    base = a_base(container="c0ffee", container_config={"Env": ["OLD=1"]}, id="x", parent="y")
    assert not {"container", "container_config", "id", "parent"} & set(derived(base))


@pytest.mark.parametrize("history", [None, [], [{"created_by": "one"}]])
def test_a_history_that_does_not_fit_the_layers_is_replaced(history: Any) -> None:
    lines = derived(a_base(history=history))["history"]
    assert len(lines) == 3
    assert not any(line.get("empty_layer") for line in lines)


def test_a_base_without_settings_gets_labels() -> None:
    assert derived(a_base(config=None))["config"] == {"Labels": {"b": "2"}}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rootfs": {"diff_ids": 3}}', '"x"'])
def test_a_text_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(SnapshotFailed, match="not that of a Docker or OCI image"):
        BaseConfig(text)


def test_times_are_in_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert rfc3339(datetime(2026, 1, 2, 3, tzinfo=east)) == "2026-01-01T19:00:00Z"
