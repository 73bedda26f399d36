"""One workbench on the real engine for all tests of the chain."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.chain.data_beds import DataBed
from tests.chain.saving_beds import Bed, a_bed
from tests.object_stores import ObjectStoreServer, object_store
from tests.workbenches import TestBench, User

APPS = """
[[apps]]
name = "echo"
title = "Echo"
path = "page?a=1"
command = ["python", "-c", '''
import asyncio, sys
from tornado import web, websocket

def seen(request):
    return {{"uri": request.uri, "method": request.method, "headers": dict(request.headers)}}

class Echo(web.RequestHandler):
    def get(self):
        self.add_header("Set-Cookie", "mine=1; Path=/")
        self.write(seen(self.request))
    post = get

class Socket(websocket.WebSocketHandler):
    def open(self):
        self.write_message(seen(self.request))
    def on_message(self, message):
        self.write_message(message)

async def main():
    application = web.Application([("/socket", Socket), (".*", Echo)])
    application.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
''', "{port}"]

[[apps]]
name = "absent"
title = "Not in this image"
command = ["no-such-program"]
"""
"""What the operator declares for all instances: an app that shows what reaches it, and one that
no image has."""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    """The object store of the workbench."""
    with object_store(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture(scope="session")
def data(
    minimal_image: str, store: ObjectStoreServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DataBed]:
    """The workbench and its storage. Started by `scripts/up`, ended by `scripts/down`; nothing of
    it stays."""
    nas = tmp_path_factory.mktemp("storage") / "nas"
    extra = APPS + DataBed.settings(nas, store)
    bed = DataBed(TestBench(tmp_path_factory.mktemp("workbench"), "chain", extra), nas, store)
    bed.prepare()
    try:
        bed.bench.up()
        yield bed
        bed.nothing_left()
    finally:
        bed.bench.down()


@pytest.fixture(scope="session")
def workbench(data: DataBed) -> TestBench:
    """The one of all tests."""
    return data.bench


@pytest.fixture
def alice(workbench: TestBench) -> Iterator[User]:
    """A plain user; her instances are deleted after the test."""
    yield from _user(workbench, "alice")


@pytest.fixture
def bob(workbench: TestBench) -> Iterator[User]:
    """Another plain user."""
    yield from _user(workbench, "bob")


def _user(workbench: TestBench, name: str) -> Iterator[User]:
    # The test before may have killed something as its last act.
    workbench.wait_until_ready()
    user = workbench.user(name)
    yield user
    workbench.wait_until_ready()
    left = [item["id"] for item in user.get("instances")["items"]]
    # All are asked for before one is waited for.
    for instance_id in left:
        user.http.delete(f"instances/{instance_id}")
    for instance_id in left:
        user.delete(instance_id)


@pytest.fixture(scope="session")
def the_bed(minimal_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A workbench whose registry breaks, for all who break it."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root")
    with a_bed(tmp_path_factory.mktemp("faults")) as bed:
        # The base image is there from now on, and later snapshots are small.
        assert bed.ended(bed.begin("first"))["state"] == "Saved"
        yield bed


@pytest.fixture
def bed(the_bed: Bed) -> Iterator[Bed]:
    """Whole before and after, and no upload is open."""
    the_bed.is_whole()
    yield the_bed
    the_bed.proxy.lie(None)
    the_bed.proxy.release()
    the_bed.is_whole()
    uploads = the_bed.registry.uploads()
    the_bed.registry.purge()
    assert uploads == []
