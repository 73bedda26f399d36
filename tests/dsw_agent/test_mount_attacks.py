"""What people plant in storage and in their own instance, and that it leads nowhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from tests.dsw_agent.nodes import INSTANCE, Instance, NodeWorld, a_node
from tests.polling import eventually

from dsw.mounts import MountReason
from dsw.node_mounts import Area, Detach

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to mount needs root")

FULL = os.environ.get("DSW_TEST_FULL") == "1"
RACES = 1000 if FULL else 50
SWAPPER = """
import os, sys
folder, aside, link = sys.argv[1:]
print("swapping", flush=True)
while True:
    os.rename(folder, aside)
    os.rename(link, folder)
    os.rename(folder, link)
    os.rename(aside, folder)
"""


@pytest.fixture
def node() -> Iterator[NodeWorld]:
    with a_node() as world:
        (world.data / "a/b").mkdir(parents=True)
        (world.data / "a/b/file").write_text("inside")
        (world.data.parent / "data-secret").mkdir()
        (world.data.parent / "data-secret/file").write_text("secret")
        yield world


@pytest.fixture
def instance(node: NodeWorld) -> Iterator[Instance]:
    started = node.instance()
    yield started
    started.end()


@pytest.mark.parametrize(
    "path",
    ["..", "../data-secret", "a/../../data-secret", "a/..", "/etc", "//etc", "a/b/../../../../etc"],
)
def test_a_path_that_leads_out_is_refused(node: NodeWorld, path: str) -> None:
    [result] = node.apply(node.attaching(path=path))
    assert (result.ok, result.reason) == (False, MountReason.REFUSED)
    assert "leads out of its storage class" in result.message
    assert node.mounted() == []


@pytest.mark.parametrize("path", ["%2e%2e/data-secret", "a\0b", "a/b\0/../.."])
def test_a_path_is_taken_as_it_is(node: NodeWorld, path: str) -> None:
    [result] = node.apply(node.attaching(path=path))
    assert not result.ok
    assert node.mounted() == []


@pytest.mark.parametrize("target", ["/etc", "../data-secret", "/proc/self/root/etc"])
def test_a_link_in_the_storage_does_not_lead_out(node: NodeWorld, target: str) -> None:
    (node.data / "link").symlink_to(target)
    (node.data / "a/link").symlink_to("/")
    results = node.apply(
        node.attaching("one", path="link"),
        node.attaching("two", path="a/link/etc"),
        node.attaching("three", path="a/link"),
    )
    assert [result.reason for result in results] == [MountReason.REFUSED] * 3
    assert node.mounted() == []


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../../../x", "a\0b"])
def test_a_name_that_is_no_name_is_refused(node: NodeWorld, name: str) -> None:
    results = node.apply(
        node.attaching(name),
        node.attaching("x", instance_id=name),
        node.attaching("x", source=name or "..", seen=""),
    )
    assert not any(result.ok for result in results)
    assert node.mounted() == []
    assert node.sh(f"find {node.shared}") == str(node.shared)


def test_a_detach_with_a_name_that_is_no_name_touches_nothing(node: NodeWorld) -> None:
    node.apply(node.attaching())
    for step in (
        Detach(instance_id=INSTANCE, area=Area.DATA, name="../dynamic/photos", force=True),
        Detach(instance_id="..", force=True),
        Detach(instance_id="", force=True),
        Detach(instance_id=f"{INSTANCE}/dynamic", force=True),
    ):
        assert not node.apply(step)[0].ok
    assert node.mounted() == [f"instances/{INSTANCE}/dynamic/photos"]


def test_a_folder_swapped_for_a_link_in_a_race_is_never_followed(node: NodeWorld) -> None:
    link = node.data / "link"
    link.symlink_to("../data-secret")
    folders = [str(node.data / "a/b"), str(node.data / "a/aside"), str(link)]
    swapper = node.start("python3", "-c", SWAPPER, *folders)
    eventually(lambda: swapper.lines == ["swapping"], 60)
    count = 50
    for _ in range(RACES // count):
        node.apply(*(node.attaching(f"m{number}", path="a/b") for number in range(count)))
        seen = node.sh(f"cat {node.anchor('dynamic')}/*/file || true", check=False)
        assert "secret" not in seen
        assert node.apply(Detach(instance_id=INSTANCE, force=True))[0].ok
    assert node.sh(f"ls -A {node.stage}") == ""
    swapper.end(signal.SIGKILL)
    assert (node.data.parent / "data-secret/file").read_text() == "secret"


def test_a_link_planted_where_something_will_be_mounted_is_refused(
    node: NodeWorld, instance: Instance
) -> None:
    instance.sh(
        "ln -s /etc /mnt/dynamic/photos; ln -s ../data /mnt/dynamic/up; echo > /mnt/dynamic/f"
    )
    results = node.apply(*(node.attaching(name) for name in ("photos", "up", "f")))
    assert [result.reason for result in results] == [MountReason.REFUSED] * 3
    assert "something that is not a folder" in results[0].message
    assert node.mounted() == []
    assert node.apply(Detach(instance_id=INSTANCE))[0].ok
    assert node.sh("ls /etc/passwd") == "/etc/passwd"


def test_a_target_replaced_while_it_is_mounted_never_leads_elsewhere(
    node: NodeWorld, instance: Instance
) -> None:
    """Root in the instance renames its own folder and puts a link in its place, all the time."""
    instance.sh("mkdir /mnt/dynamic/photos; ln -s ../data /mnt/dynamic/link; mkdir /mnt/dynamic/d")
    paths = [f"/mnt/dynamic/{name}" for name in ("photos", "d/aside", "link")]
    swapper = instance.start("python3", "-c", SWAPPER_THAT_GOES_ON, *paths)
    eventually(lambda: swapper.lines == ["swapping"], 60)
    count = 50
    for _ in range(RACES // count):
        node.apply(*(node.attaching(path="a" if number % 2 else "") for number in range(count)))
        assert set(node.mounted()) <= {f"instances/{INSTANCE}/dynamic/photos"}
        assert node.apply(Detach(instance_id=INSTANCE, area=Area.DYNAMIC, force=True))[0].ok
        assert node.mounted() == []
    swapper.end(signal.SIGKILL)
    assert node.apply(Detach(instance_id=INSTANCE, force=True))[0].ok
    assert (node.data / "a/b/file").read_text() == "inside"


SWAPPER_THAT_GOES_ON = """
import os, sys
from contextlib import suppress
folder, aside, link = sys.argv[1:]
print("swapping", flush=True)
while True:
    for pair in ((folder, aside), (link, folder), (folder, link), (aside, folder)):
        with suppress(OSError):
            os.rename(*pair)
"""


def test_removing_an_instances_folder_stops_at_a_mount(node: NodeWorld) -> None:
    """One that was made where nobody looks for one, by hand."""
    folder = node.anchor("dynamic")
    node.sh(f"mkdir -p {folder}/x/y; mount --bind {node.data} {folder}/x/y")
    junk = node.sh(f"ls {folder}/x/y")
    assert junk == "a"
    assert node.apply(Detach(instance_id=INSTANCE))[0].ok
    assert node.mounted() == []
    assert (node.data / "a/b/file").read_text() == "inside"
