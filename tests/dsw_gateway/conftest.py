"""One world a test, with a gateway in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.dsw_gateway.ssh_clients import Client
from tests.dsw_gateway.worlds import World, a_control, a_gateway, a_proxy

from dsw_gateway.server import Gateway


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Alice has the instance `train`; control and proxy answer."""
    made = World(tmp_path)
    made.place("train", "alice")
    async with a_control(made), a_proxy(made):
        yield made
        for process in made.sshds:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[Gateway]:
    """The gateway of the world."""
    async with a_gateway(world) as made:
        yield made


@pytest.fixture
def alice(world: World) -> Client:
    """With a registered key, which `train` takes, too."""
    return keyed(world, "alice")


def keyed(world: World, name: str) -> Client:
    """A client whose key control and all instances know."""
    key = world.user(name)
    with (world.folder / "authorized").open("a") as file:
        file.write(key.with_name(f"{key.name}.pub").read_text())
    return Client(world, name, key)
