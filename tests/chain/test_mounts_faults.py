"""Mounts when what they stand on hangs, dies or is restarted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chain.data_beds import DataBed
from tests.kernels import Kernel
from tests.polling import eventually
from tests.workbenches import User, docker

pytestmark = pytest.mark.docker

NUMBERS = itertools.count()
WITHIN = 30
"""Seconds in which a dead mount is an error and not a hang."""

DEAD = [f"{word} True" for word in ("EIO", "ENOTCONN", "ECONNABORTED")]
"""rclone's own error, and the kernel's where it is ended because it waits for longer."""

READ = """
import errno, time
began = time.monotonic()
try:
    said = open({path!r}).read()
except OSError as error:
    said = errno.errorcode[error.errno]
print(said, time.monotonic() - began < {within})
"""


@pytest.fixture(scope="module")
def fay(data: DataBed) -> User:
    """Whose mounts break."""
    return data.bench.user("fay")


@pytest.fixture(scope="module")
def item(data: DataBed, fay: User) -> Iterator[Any]:
    """Her instance for all these tests."""
    made = fay.running(display_name="faults")
    yield made
    fay.delete(made["id"])


@pytest.fixture(scope="module")
def sounds(data: DataBed, fay: User) -> str:
    """A dataset in the object store, with more in it than any test reads twice."""
    files = {f"{number}": f"sound {number}" for number in range(20)}
    return data.dataset(fay, "sounds", data.objects("sounds", **files))


@pytest.fixture(scope="module")
def notes(data: DataBed, fay: User) -> str:
    """A dataset on the NAS."""
    return data.dataset(fay, "notes", data.folder("notes", first="noted"))


@pytest.fixture
def mounted(data: DataBed, fay: User, item: Any, sounds: str) -> Iterator[Any]:
    """The object store's dataset while the instance runs."""
    mount = data.mount(fay, item, sounds)
    yield mount
    data.bench.wait_until_ready()
    data.unmount(fay, item, mount, force=True)
    data.nothing_left()


def fresh(data: DataBed, item: Any, mount: Any) -> str:
    """The path of a file that nobody has read."""
    path = f"{mount['target']}/{next(NUMBERS)}"
    data.bench.execute(item, "stat", path)
    return path


def test_a_store_that_hangs_is_an_error_soon_and_comes_back(
    data: DataBed, fay: User, item: Any, mounted: Any
) -> None:
    cold = fresh(data, item, mounted)
    with Kernel(fay, item) as notebook:
        with data.store.hanging():
            answer = notebook.run(READ.format(path=cold, within=WITHIN), timeout=90)
            assert answer in DEAD
            seen = data.wait(fay, item, mounted["id"], "Degraded")
            assert seen["message"].endswith(".")
            assert fay.state(item["id"]) == "Running"
        data.wait(fay, item, mounted["id"], "Mounted")
        assert notebook.run(READ.format(path=cold, within=WITHIN)).startswith("sound")


def test_a_killed_helper_is_replaced(data: DataBed, fay: User, item: Any, mounted: Any) -> None:
    (helper,) = data.helpers()
    docker("kill", helper)
    data.wait(fay, item, mounted["id"], "Degraded")
    data.wait(fay, item, mounted["id"], "Mounted")
    path = f"{mounted['target']}/{next(NUMBERS)}"
    eventually(lambda: data.attempt(item, "cat", path).startswith("sound"), 60)
    assert len(data.sources()) == len(data.helpers()) == 1
    assert fay.state(item["id"]) == "Running"


def test_control_killed_between_the_steps_loses_and_repeats_nothing(
    data: DataBed, fay: User, item: Any, sounds: str, notes: str
) -> None:
    asked = [data.ask(fay, item, dataset, keep=True) for dataset in (sounds, notes)]
    data.bench.kill("control")
    data.bench.wait_until_ready()
    mounts = [data.wait(fay, item, mount, "Mounted") for mount in asked]
    assert data.read(item, "/mnt/dynamic/notes/first") == "noted"
    assert len(data.of_instance(item)) == 2
    assert len(data.helpers()) == 1

    fay.http.delete(f"instances/{item['id']}/mounts/{mounts[1]['id']}")
    data.bench.kill("control")
    eventually(lambda: len(data.of_instance(item)) == 1, 60)
    data.bench.wait_until_ready()
    assert [each["name"] for each in data.mounts_of(fay, item)] == ["sounds"]

    fay.http.post(f"instances/{item['id']}/stop")
    data.bench.kill("control")
    eventually(lambda: fay.state_or_none(item["id"]) == "Stopped", 60)
    data.nothing_left()
    fay.http.post(f"instances/{item['id']}/start")
    data.bench.kill("control")
    eventually(lambda: fay.state_or_none(item["id"]) == "Running", 90)
    data.wait(fay, item, mounts[0]["id"], "Mounted")
    assert data.read(item, f"/mnt/dynamic/sounds/{next(NUMBERS)}").startswith("sound")
    assert len(data.of_instance(item)) == len(data.helpers()) == 1
    data.unmount(fay, item, mounts[0])
    data.nothing_left()
