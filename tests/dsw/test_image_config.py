"""What an image's configuration says: its use and its labels."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.image_config import read_config
from dsw.images import ImageUse

ENTRY = ["/usr/bin/tini", "-g", "--", "/opt/venv/bin/python", "-I", "-m", "dsw_server.entry"]
LABEL = {"dsw.instance": "1"}
BASE = "org.opencontainers.image.base.name"
REF, VERSION = "org.opencontainers.image.ref.name", "org.opencontainers.image.version"


@pytest.mark.parametrize(
    ("run", "use"),
    [
        ({"Entrypoint": ENTRY, "Labels": LABEL}, ImageUse.INSTANCE),
        ({"Entrypoint": " ".join(ENTRY), "Labels": LABEL}, ImageUse.INSTANCE),
        ({"Entrypoint": ENTRY, "Labels": {"dsw.instance": "2"}}, ImageUse.JOB),
        ({"Entrypoint": ENTRY, "Labels": None}, ImageUse.JOB),
        ({"Entrypoint": ["/bin/sh"], "Labels": LABEL}, ImageUse.JOB),
        ({"Entrypoint": ["echo-dsw_server.entry"], "Labels": LABEL}, ImageUse.JOB),
        ({"Entrypoint": None, "Labels": LABEL}, ImageUse.JOB),
        ({}, ImageUse.JOB),
        (None, ImageUse.JOB),
    ],
)
def test_an_instance_needs_the_label_and_the_entry_point(run: Any, use: ImageUse) -> None:
    assert read_config("linux", "amd64", run).use is use


@pytest.mark.parametrize(
    ("run", "labels"),
    [
        (
            {"Labels": {"dsw.label.python": "3.11", "dsw.label.os": "Debian 12"}},
            {"python": "3.11", "os": "Debian 12"},
        ),
        (
            {"Env": ["PYTHON_VERSION=3.12.4", "CUDA_VERSION=12.6.0", "PYTORCH_VERSION=2.9.0"]},
            {"python": "3.12.4", "cuda": "12.6.0", "framework": "PyTorch 2.9.0"},
        ),
        (
            {"Env": ["PYTHON_VERSION=3.12.4"], "Labels": {"dsw.label.python": "3.13"}},
            {"python": "3.13"},
        ),
        (
            {"Labels": {BASE: "registry.example.org/library/debian:bookworm"}},
            {"os": "Debian bookworm"},
        ),
        ({"Labels": {BASE: "registry.example.org/library/python:3.12"}}, {}),
        ({"Labels": {REF: "ubuntu", VERSION: "24.04"}}, {"os": "Ubuntu 24.04"}),
        ({"Labels": {REF: "ubuntu", VERSION: "1.4.0"}}, {}),
        ({"Labels": {"dsw.label.os": "Debian\x00 12\n"}}, {"os": "Debian 12"}),
        ({"Env": ["PYTHON_VERSION"]}, {}),
    ],
)
def test_labels_are_read_from_labels_and_environment(run: Any, labels: dict[str, str]) -> None:
    contents = read_config("linux", "amd64", run).contents.model_dump()
    assert {key: text for key, text in contents.items() if text} == labels


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(JSON, JSON, st.dictionaries(st.sampled_from(["Entrypoint", "Env", "Labels"]), JSON) | JSON)
def test_any_configuration_is_read_or_refused(os: Any, architecture: Any, run: Any) -> None:
    try:
        config = read_config(os, architecture, run)
    except ValueError:
        return
    assert len(config.platform) <= 61
    assert max(map(len, config.contents.model_dump().values())) <= 60
