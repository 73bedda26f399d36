"""Folders in instances, with real mounts: what is seen, what may be done, what is left."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.dsw_agent.nodes import INSTANCE, Instance, NodeWorld, a_node
from tests.polling import eventually

from dsw.mounts import MountReason
from dsw.node_mounts import Area, Attach, Detach

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to mount needs root")


@pytest.fixture
def node() -> Iterator[NodeWorld]:
    with a_node() as world:
        (world.data / "train").mkdir()
        (world.data / "train/cat.txt").write_text("a cat\n")
        yield world


@pytest.fixture
def instance(node: NodeWorld) -> Iterator[Instance]:
    started = node.instance()
    yield started
    started.end()


def detaching(name: str = "photos", **changes: object) -> Detach:
    step = Detach(instance_id=INSTANCE, area=Area.DYNAMIC, name=name)
    return step.model_copy(update=changes)


def only(node: NodeWorld, step: Attach | Detach) -> tuple[bool, MountReason, str]:
    [result] = node.apply(step)
    assert (result.instance_id, result.area, result.name) == (INSTANCE, step.area, step.name)
    return result.ok, result.reason, result.message


def test_a_running_instance_sees_a_folder_and_cannot_write(
    node: NodeWorld, instance: Instance
) -> None:
    assert only(node, node.attaching(path="train"))[0]
    assert instance.sh("cat /mnt/dynamic/photos/cat.txt") == "a cat"
    for attempt in (
        "echo x > /mnt/dynamic/photos/new",
        "echo x > /mnt/dynamic/photos/cat.txt",
        "rm /mnt/dynamic/photos/cat.txt",
    ):
        assert "Read-only file system" in instance.sh(attempt)
    options = instance.sh("grep /mnt/dynamic/photos /proc/self/mountinfo").split()[5]
    assert {"ro", "nosuid", "nodev"} <= set(options.split(","))
    assert node.sh(f"ls {node.stage}") == ""


def test_a_writable_folder_is_written(node: NodeWorld, instance: Instance) -> None:
    assert only(node, node.attaching(read_only=False))[0]
    instance.sh("echo written > /mnt/dynamic/photos/new")
    assert (node.data / "new").read_text() == "written\n"
    options = instance.sh("grep /mnt/dynamic/photos /proc/self/mountinfo").split()[5]
    assert {"rw", "nosuid", "nodev"} <= set(options.split(","))


def test_what_is_done_already_is_done_again_without_a_second_mount(node: NodeWorld) -> None:
    first = node.apply(node.attaching(), node.attaching("other", area=Area.DATA))
    again = node.apply(node.attaching(), node.attaching("other", area=Area.DATA))
    assert [result.ok for result in first + again] == [True] * 4
    assert node.mounted() == [
        f"instances/{INSTANCE}/data/other",
        f"instances/{INSTANCE}/dynamic/photos",
    ]
    for _ in range(2):
        assert only(node, detaching())[0]
    assert node.mounted() == [f"instances/{INSTANCE}/data/other"]


def test_another_folder_or_other_rights_take_the_place(node: NodeWorld, instance: Instance) -> None:
    assert only(node, node.attaching())[0]
    assert only(node, node.attaching(path="train"))[0]
    assert instance.sh("ls /mnt/dynamic/photos") == "cat.txt"
    assert only(node, node.attaching(path="train", read_only=False))[0]
    instance.sh("echo x > /mnt/dynamic/photos/new")
    assert (node.data / "train/new").exists()
    assert node.mounted() == [f"instances/{INSTANCE}/dynamic/photos"]


def test_detached_it_is_gone_with_its_folder(node: NodeWorld, instance: Instance) -> None:
    node.apply(node.attaching())
    assert only(node, detaching())[0]
    assert instance.sh("ls /mnt/dynamic") == ""
    assert node.mounted() == []
    assert (node.data / "train/cat.txt").read_text() == "a cat\n"


def test_a_mount_in_use_names_the_processes_and_is_forced(
    node: NodeWorld, instance: Instance
) -> None:
    node.apply(node.attaching(path="train"))
    standing = instance.start("sh", "-c", "cd /mnt/dynamic/photos && echo in && exec sleep 1000")
    reading = instance.start("tail", "-f", "/mnt/dynamic/photos/cat.txt")
    eventually(lambda: standing.lines == ["in"] and reading.lines == ["a cat"], 60)
    [result] = node.apply(detaching())
    assert (result.ok, result.reason) == (False, MountReason.BUSY)
    assert {holder.command for holder in result.holders} == {
        "sleep 1000",
        "tail -f /mnt/dynamic/photos/cat.txt",
    }
    assert "sleep (" in result.message
    assert "by force" in result.message
    assert instance.sh("cat /mnt/dynamic/photos/cat.txt") == "a cat"
    assert only(node, detaching(force=True))[0]
    assert instance.sh("ls /mnt/dynamic") == ""
    for process in (standing, reading):
        process.end()


def test_another_folder_does_not_take_the_place_of_one_in_use(
    node: NodeWorld, instance: Instance
) -> None:
    node.apply(node.attaching())
    user = instance.start("sh", "-c", "cd /mnt/dynamic/photos && echo in && exec sleep 1000")
    eventually(lambda: user.lines == ["in"], 60)
    assert only(node, node.attaching(path="train"))[1] is MountReason.BUSY
    assert instance.sh("ls /mnt/dynamic/photos") == "train"
    user.end()


def test_a_chosen_path_keeps_its_folder_and_names_its_holders(node: NodeWorld) -> None:
    step = node.attaching("mount-1", area=Area.PATHS, path="train")
    assert only(node, step)[0]
    folder = node.anchor("paths", "mount-1")
    user = node.start("sh", "-c", f"cd {folder} && echo in && exec sleep 1000")
    eventually(lambda: user.lines == ["in"], 60)
    [result] = node.apply(detaching("mount-1", area=Area.PATHS))
    assert [holder.command for holder in result.holders] == ["sleep 1000"]
    user.end()
    assert only(node, detaching("mount-1", area=Area.PATHS))[0]
    assert node.mounted() == []
    assert node.sh(f"ls {folder.parent}") == "mount-1"


def test_all_of_an_area_and_all_of_an_instance_go(node: NodeWorld) -> None:
    node.apply(*(node.attaching(name, area=area) for area in Area for name in ("a", "b")))
    assert len(node.mounted()) == 6
    assert node.apply(Detach(instance_id=INSTANCE, area=Area.DATA))[0].ok
    assert len(node.mounted()) == 4
    junk = node.anchor("dynamic")
    node.sh(f"mkdir -p {junk}/x/y/z {junk}/.hidden; echo x > {junk}/x/y/z/file; ln -s / {junk}/l")
    assert node.apply(Detach(instance_id=INSTANCE))[0].ok
    assert node.mounted() == []
    assert node.sh(f"ls -A {node.shared}/instances") == ""
    assert (node.data / "train/cat.txt").read_text() == "a cat\n"
    assert node.apply(Detach(instance_id=INSTANCE), Detach(instance_id="dsw-never"))[1].ok


def test_nothing_is_removed_below_a_mount_that_stays(node: NodeWorld, instance: Instance) -> None:
    node.apply(node.attaching(read_only=False))
    user = instance.start("sh", "-c", "cd /mnt/dynamic/photos && echo in && exec sleep 1000")
    eventually(lambda: user.lines == ["in"], 60)
    [result] = node.apply(Detach(instance_id=INSTANCE))
    assert (result.ok, result.reason) == (False, MountReason.BUSY)
    assert instance.sh("cat /mnt/dynamic/photos/train/cat.txt") == "a cat"
    user.end()


def test_a_refusal_says_why(node: NodeWorld) -> None:
    (node.data / "file").write_text("x")
    gone = only(node, node.attaching(path="train/none"))
    assert gone == (False, MountReason.SOURCE_GONE, "'train/none' is not there.")
    file = only(node, node.attaching(path="file"))
    assert file[1] is MountReason.REFUSED
    assert "'file' is not a folder. A dataset is a folder" in file[2]
    no_root = only(node, node.attaching(seen="/nowhere"))
    assert no_root[1] is MountReason.SOURCE_GONE
    not_mounted = only(node, node.attaching(seen="", source="ds-1"))
    assert not_mounted[1] is MountReason.SOURCE_UNREACHABLE
    assert node.mounted() == []


def test_one_refusal_does_not_keep_the_others_back(node: NodeWorld) -> None:
    results = node.apply(node.attaching("a", path="none"), node.attaching("b"))
    assert [result.ok for result in results] == [False, True]
