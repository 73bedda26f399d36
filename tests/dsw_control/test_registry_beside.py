"""The registry of `scripts/up --registry`: its configuration, and the engine that uses it."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import pytest
from tests.dsw_control.apis import Api
from tests.dsw_control.registry_worlds import served
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw import settings as dsw_settings
from dsw.plan import RegistryLogin
from dsw.settings import Settings
from dsw_control.engines.docker import DockerEngine
from workbench import programs, registry, registry_config, settings_file
from workbench.steps import Refused


@pytest.fixture(autouse=True)
def a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the usual one, which another test may have."""
    monkeypatch.setattr(registry, "PORT", an_unused_port())


def made(folder: Path, **changes: Any) -> Settings:
    """The settings of a first `scripts/up` in this folder."""
    path = folder / "dsw.toml"
    values: dict[str, Any] = {"host": "127.0.0.1", "port": 8000, "engine": "docker", "ca_file": ""}
    settings_file.create(path, **values | changes)
    return dsw_settings.load(path, {})


def with_registry(folder: Path) -> Settings:
    """The settings after `scripts/up --registry`."""
    path = folder / "dsw.toml"
    registry.add_to(path, made(folder))
    settings = dsw_settings.load(path, {})
    registry_config.configure(settings)
    return settings


def test_it_is_named_in_the_settings_once_with_a_password_that_only_its_owner_reads(
    tmp_path: Path,
) -> None:
    settings = with_registry(tmp_path)
    own = settings.registry
    assert own.address.startswith("127.0.0.1:")
    assert (own.auth, own.insecure, own.username) == ("token", True, "workbench")
    before = (tmp_path / "dsw.toml").read_text()
    registry.add_to(tmp_path / "dsw.toml", settings)
    assert (tmp_path / "dsw.toml").read_text() == before
    secrets = ("secrets/registry", "secrets/registry-key", "registry/config.yml")
    for name in secrets:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    config = json.loads((tmp_path / "registry" / "config.yml").read_text())
    assert config["http"]["secret"]
    assert config["storage"]["delete"] == {"enabled": True}
    password = (tmp_path / "secrets" / "registry").read_text().strip()
    assert len(password) >= 20
    assert password not in before + json.dumps(config)


def test_its_configuration_stays_as_it_is_from_one_up_to_the_next(tmp_path: Path) -> None:
    settings = with_registry(tmp_path)
    print_before = programs.fingerprint("registry", settings, {})
    registry_config.configure(settings)
    assert programs.fingerprint("registry", settings, {}) == print_before
    assert "registry" in programs.wanted(settings)


def test_a_registry_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    settings = made(tmp_path)
    assert "registry" not in programs.wanted(settings)
    path = tmp_path / "dsw.toml"
    settings_file.set_value(path, "registry", "address", "registry.example.org")
    with pytest.raises(Refused, match=r"registry\.example\.org already"):
        registry.add_to(path, dsw_settings.load(path, {}))


def test_without_an_engine_there_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no images"):
        registry.add_to(tmp_path / "dsw.toml", made(tmp_path, engine="process"))


@dataclass
class Beside:
    """A workbench's settings, its API that really listens, and its registry that runs."""

    settings: Settings
    api: Api


@pytest.fixture
async def beside(make_api: Any, tmp_path: Path) -> AsyncIterator[Beside]:
    """As after `scripts/up --registry`."""
    settings = with_registry(tmp_path)
    listening = socket.create_server(("127.0.0.1", settings.control.port))
    sections = settings.model_dump(include={"registry"}, mode="json")
    database = f"sqlite:///{tmp_path}/control.sqlite"
    api = await make_api(**sections, control={"port": settings.control.port, "database": database})
    async with served(api.app, listening):
        with _running(settings):
            yield Beside(settings, api)


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(programs.command("registry", settings), **quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


async def answers(beside: Beside) -> None:
    """Wait until the registry is there."""

    def looks() -> bool:
        try:
            url = f"http://{beside.settings.registry.address}/v2/"
            return httpx.get(url).status_code == 401
        except httpx.TransportError:
            return False

    await asyncio.to_thread(eventually, looks, 30)


@pytest.mark.docker
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
async def test_the_engine_pushes_and_pulls_with_the_password_and_without_it_does_not(
    beside: Beside, debian_image: str
) -> None:
    await answers(beside)
    engine = DockerEngine(beside.api.control.settings)
    own = beside.settings.registry
    password = beside.api.control.registry_password
    name = f"{own.address}/{own.prefix}/base"
    try:
        login = RegistryLogin(username=own.username, secret=password)
        pushed = await engine.push(debian_image, name, "img-test", login)
        assert pushed.startswith(f"{name}@sha256:")
        await engine.remove_image(f"{name}:img-test")
        await engine.remove_image(pushed)
        assert not await pulled(name, "img-test", None)
        assert not await pulled(name, "img-test", (own.username, "a-guess"))
        assert await pulled(name, "img-test", (own.username, password))
    finally:
        await engine.remove_image(f"{name}:img-test")
        await engine.remove_image(pushed)
        await engine.close()


async def pulled(name: str, tag: str, login: tuple[str, str] | None) -> bool:
    """Whether a pull went well. By its tag: a manifest that it has seen the engine does not ask
    for again."""

    def run() -> bool:
        client = docker.from_env()
        try:
            auth = {"username": login[0], "password": login[1]} if login else None
            lines = client.api.pull(name, tag, stream=True, decode=True, auth_config=auth)
            return not any("error" in line for line in lines)
        except docker.errors.APIError:
            return False
        finally:
            client.close()

    return await asyncio.to_thread(run)
