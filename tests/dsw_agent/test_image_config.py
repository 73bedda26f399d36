"""The configuration of a snapshot's image, from what Docker and other builders write."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dsw.agent import AgentRequest, AgentTarget
from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig, rfc3339

NEW = "sha256:new"


def a_request(base: dict[str, Any]) -> AgentRequest:
    """A request to save a container of this base."""
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
    return AgentRequest.model_validate(values)


def derived(base: dict[str, Any]) -> dict[str, Any]:
    """The configuration that a snapshot on this base gets."""
    request = a_request(base)
    config = BaseConfig(request.base_config).with_layers([NEW], request)
    tree: dict[str, Any] = json.loads(config)
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


def test_several_layers_bring_a_line_of_history_each() -> None:
    values = json.loads(
        BaseConfig(json.dumps(a_base())).with_layers(["x", "y"], a_request(a_base()))
    )
    assert values["rootfs"]["diff_ids"] == ["sha256:one", "sha256:two", "x", "y"]
    assert len([line for line in values["history"] if not line.get("empty_layer")]) == 4


def test_topmost_layers_go_with_their_history() -> None:
    base = BaseConfig(json.dumps(a_base())).without_top(1)
    assert base.diff_ids == ["sha256:one"]
    tree = json.loads(base.with_layers([NEW], a_request(a_base())))
    assert tree["rootfs"]["diff_ids"] == ["sha256:one", NEW]
    assert [line["created_by"] for line in tree["history"][:2]] == ["one", "env"]
    assert len(tree["history"]) == 3


@pytest.mark.parametrize("count", [-1, 2, 3])
def test_some_layer_of_the_base_stays(count: int) -> None:
    with pytest.raises(SnapshotFailed, match="has 2 layers"):
        BaseConfig(json.dumps(a_base())).without_top(count)


@pytest.mark.parametrize(
    "line",
    ["LD_PRELOAD=/x.so", "LD_AUDIT=/x.so", "LD_PRELOAD", "LD_DEBUG_OUTPUT=/x", "GCONV_PATH=."],
)
def test_an_environment_that_loads_code_on_the_host_is_refused(line: str) -> None:
    config = {"Env": ["A=b", line]}
    with pytest.raises(SnapshotFailed, match=line.partition("=")[0]) as refusal:
        BaseConfig(json.dumps(a_base(config=config)))
    assert refusal.value.reason is FailureReason.BASE_ENVIRONMENT
    assert "/x" not in refusal.value.sentence


def test_an_image_names_no_gpus_for_itself() -> None:
    env = ["NVIDIA_VISIBLE_DEVICES=all", "AMD_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES=0", "A=b"]
    assert derived(a_base(config={"Env": env}))["config"]["Env"] == ["A=b"]


@pytest.mark.parametrize("env", ["A=b", {"A": "b"}, [1]])
def test_an_environment_that_is_no_list_of_lines_is_refused(env: Any) -> None:
    with pytest.raises(SnapshotFailed, match="not that of a Docker or OCI image"):
        BaseConfig(json.dumps(a_base(config={"Env": env})))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"rootfs": {"diff_ids": 3}}', '"x"', "[" * 99999]
)
def test_a_text_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(SnapshotFailed, match="not that of a Docker or OCI image"):
        BaseConfig(text)


def test_times_are_in_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert rfc3339(datetime(2026, 1, 2, 3, tzinfo=east)) == "2026-01-01T19:00:00Z"
