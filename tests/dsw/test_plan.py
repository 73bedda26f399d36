"""The launch plan: closed options, and a fingerprint of what needs a new container."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dsw.plan import LaunchPlan, Mount, MountKind, UserOptions

PLAN = LaunchPlan(
    installation="main",
    instance_id="dsw-aaaaaaaaaaaa",
    attempt=1,
    owner="ada",
    name="train",
    workspace_id="ws-aaaaaaaaaaaa",
    image_id="img-aaaaaaaaaaaa",
    image_name="base",
    image_reference="jupyterhub-dsw/base:latest",
    image_digest="sha256:1",
    cpu=1,
    memory=1024**3,
    shared_memory=64 * 1024**2,
    pids=512,
    home="/nas/home",
    network="dsw-main",
    sudo=False,
)


@pytest.mark.parametrize(
    "options",
    [
        {"volumes": {"/": "/host"}},
        {"image": "debian:bookworm"},
        {"image": "../../etc"},
        {"environment": {"LD_PRELOAD": "x"}},
    ],
)
def test_options_outside_the_schema_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UserOptions.model_validate(options)


@pytest.mark.parametrize(
    ("change", "needs_new"),
    [
        ({"cpu": 2.0}, False),
        ({"memory": 2 * 1024**3}, False),
        ({"attempt": 2}, False),
        ({"environment": {"A": "1"}}, False),
        ({"image_digest": "sha256:2"}, True),
        ({"shared_memory": 1}, True),
        ({"gpu_devices": ["GPU-1"]}, True),
        ({"sudo": True}, True),
        ({"mounts": [Mount(kind=MountKind.BIND, source="/a", target="/b")]}, True),
    ],
)
def test_the_fingerprint_changes_with_what_only_a_new_container_can_have(
    change: dict[str, object], needs_new: bool
) -> None:
    assert (PLAN.model_copy(update=change).fingerprint != PLAN.fingerprint) is needs_new


def test_a_plan_that_is_refused_does_not_show_its_secrets() -> None:
    wrong = {"code": {"url": "x", "secret": "hidden"}, "registry_login": {"secret": "hidden"}}
    with pytest.raises(ValidationError) as refusal:
        LaunchPlan.model_validate({**PLAN.model_dump(), **wrong})
    assert "hidden" not in str(refusal.value)
