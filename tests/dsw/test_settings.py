"""`dsw.toml` is checked, and a mistake is shown with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsw.errors import ConfigError
from dsw.settings import load


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    file = folder / "dsw.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, environ or {})
    return caught.value.sentence


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "dsw.toml"
    file.write_text("")
    assert load(file, {}) == load(None, {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[hub]\nport = 1\nprot = 2\n", "line 3: hub.prot is not a known key; known here: admins,"),
        ('[hub]\n\nport = "x"\n', "line 3: hub.port: Input should be a valid integer"),
        ("hub.port = 99999\n", "line 1: hub.port: Input should be less than or equal to 65535"),
        ('[[specs]]\nname="a"\ncpu=1\nmemory="1GiB"\n[[specs]]\nname="b"\ncpu=0\nmemory=1\n',
         "line 7: specs.1.cpu: Input should be greater than 0"),
        ('[[specs]]\nname="a"\ncpu=1\nmemory="much"\n', "line 4: specs.0.memory: 'much' is not a"),
        ('[storage]\nkind = "nfs"\n', "line 1: storage: nfs_server and an absolute nfs_path"),
        ('[registry]\naddress="r.example.org"\ninsecure=true\n', "localhost only"),
        ("[nothing]\n", "nothing is not a known key"),
        ("[hub\n", "is not valid TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refused(tmp_path, text)


def test_a_variable_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dsw.toml"
    file.write_text("[hub]\nport = 9000\n")
    settings = load(file, {"DSW_HUB_PORT": "9001", "DSW_HUB_ADMINS": '["ada"]'})
    assert settings.hub.port == 9001
    assert settings.hub.admins == ["ada"]


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    assert "variable DSW_HUB_PORT" in refused(tmp_path, "", {"DSW_HUB_PORT": "x"})


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", {})


def test_two_specs_of_one_name_are_refused(tmp_path: Path) -> None:
    spec = '[[specs]]\nname="a"\ncpu=1\nmemory="1GiB"\n'
    assert "'a' stands there twice" in refused(tmp_path, spec * 2)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[hub]\nport = 9000\n", ""),
        ("[ssh]\ngateway_port = 2222\n", "127.0.0.1:2222"),
        ("[hub]\nhost = '0.0.0.0'\n[ssh]\ngateway_port = 2222\n", "me.example.com:2222"),
        ("[hub]\nhost = '::'\n[ssh]\ngateway_port = 22\ngateway_host = '::1'\n", "[::1]:22"),
        (
            "[hub]\npublic_url = 'https://hub.example.com/x/'\n[ssh]\ngateway_port = 2222\n",
            "hub.example.com:2222",
        ),
        ("[ssh]\ngateway_port = 2222\ngateway_address = 'ssh.x.org:22'\n", "ssh.x.org:22"),
        ("[ssh]\ngateway_port = 2222\ngateway_address = 'ssh.x.org'\n", "ssh.x.org:2222"),
    ],
)
def test_people_are_told_where_the_gateway_is(tmp_path: Path, text: str, address: str) -> None:
    path = tmp_path / "dsw.toml"
    path.write_text(text)
    assert load(path, {}).gateway_address("me.example.com") == address
