"""What `scripts/up` writes into `dsw.toml`, and what it leaves alone there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from dsw import settings
from dsw.errors import ConfigError
from workbench import settings_file

HAND_WRITTEN = """\
# Ours.
data_dir = "/srv/dsw"  # big disk

[engine]
kind = "docker"

[[specs]]
name = "one"
cpu = 1
memory = "2GiB"

[hub] # people
  port = 8000  # as announced
admins = ["zoë"]
"""


def made(path: Path) -> settings.Settings:
    settings_file.create(path, host="127.0.0.1", port=8000, engine="docker", ca_file="")
    return settings.load(path, {})


def test_a_new_file_loads_and_says_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / 'a "quoted" folder, 数据' / "dsw.toml"
    path.parent.mkdir()
    conf = made(path)
    assert conf.data == path.parent
    assert (conf.hub.host, conf.hub.port, conf.engine.kind) == ("127.0.0.1", 8000, "docker")
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_installations_share_neither_name_nor_private_port(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one.toml"), made(tmp_path / "other.toml")
    assert one.installation != other.installation
    ports = [
        port
        for conf in (one, other)
        for port in (conf.hub.api_port, conf.hub.proxy_api_port, conf.control.port)
    ]
    assert len(set(ports[:3])) == len(set(ports[3:])) == 3


def test_a_value_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "dsw.toml"
    path.write_text(HAND_WRITTEN)
    settings_file.set_value(path, "hub", "port", 9000)
    expected = HAND_WRITTEN.replace("  port = 8000  # as announced", "port = 9000")
    assert path.read_text() == expected


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("hub", "host", "::1"), ("engine", "kind", "process"), ("images", "ca_file", "/a b/c.pem")],
)
def test_a_missing_key_or_section_is_added(
    tmp_path: Path, section: str, key: str, value: str
) -> None:
    path = tmp_path / "dsw.toml"
    path.write_text(HAND_WRITTEN)
    before = tomllib.loads(HAND_WRITTEN)
    settings_file.set_value(path, section, key, value)
    after = tomllib.loads(path.read_text())
    assert after[section].pop(key) == value
    before.get(section, {}).pop(key, None)
    before.setdefault(section, {})
    assert after == before


def test_a_file_that_cannot_be_edited_line_by_line_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "dsw.toml"
    path.write_text("hub = { port = 8000 }\n")
    with pytest.raises(ConfigError, match="cannot be set"):
        settings_file.set_value(path, "hub", "port", 9000)
    assert path.read_text() == "hub = { port = 8000 }\n"
