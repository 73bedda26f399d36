"""Datasets that come and go while a notebook runs, on real mounts in a real container."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.chain.data_beds import BUCKET, DataBed
from tests.git_servers import git_server
from tests.kernels import Kernel
from tests.polling import eventually
from tests.workbenches import User

pytestmark = pytest.mark.docker

READ_ONLY = "Read-only file system"


@pytest.fixture(scope="module")
def dora(data: DataBed) -> User:
    """Who registers datasets and works with them."""
    return data.bench.user("dora")


@pytest.fixture(scope="module")
def item(data: DataBed, dora: User) -> Iterator[Any]:
    """Her instance for all these tests."""
    made = dora.running(display_name="mounts")
    yield made
    dora.delete(made["id"])


@pytest.fixture(scope="module")
def notebook(dora: User, item: Any) -> Iterator[Kernel]:
    """A notebook that was open before anything was mounted."""
    with Kernel(dora, item) as kernel:
        kernel.run("import errno, os; started = os.getpid()")
        yield kernel


@pytest.fixture(scope="module")
def papers(data: DataBed, dora: User) -> str:
    """A dataset that its owner may write, in a folder of the NAS."""
    uri = data.folder("papers", one="first\n")
    return data.dataset(dora, "papers", uri, access="rw")


@pytest.fixture(scope="module")
def pictures(data: DataBed, dora: User) -> str:
    """A dataset in the object store."""
    uri = data.objects("pictures", cat="meow", dog="woof")
    return data.dataset(dora, "pictures", uri, access="rw")


def test_a_running_notebook_sees_a_folder_appear_and_go(
    data: DataBed, dora: User, item: Any, notebook: Kernel, papers: str
) -> None:
    began = data.bench.inspect(item)["State"]["StartedAt"]
    assert notebook.run("print(os.path.exists('/mnt/dynamic/papers/one'))") == "False"
    mount = data.mount(dora, item, papers)
    assert (mount["target"], mount["access"], mount["kind"]) == (
        *("/mnt/dynamic/papers", "ro", "dynamic"),
    )
    assert notebook.run("print(open('/mnt/dynamic/papers/one').read())") == "first"
    (data.nas / "papers" / "two").write_text("second")
    assert notebook.run("print(open('/mnt/dynamic/papers/two').read())") == "second"
    data.unmount(dora, item, mount)
    assert notebook.run("print(os.path.exists('/mnt/dynamic/papers/one'))") == "False"
    assert notebook.run("print(started == os.getpid())") == "True"
    assert data.bench.inspect(item)["State"]["StartedAt"] == began
    assert data.of_instance(item) == []
    assert (data.nas / "papers" / "one").read_text() == "first\n"


def test_read_only_is_so_even_for_root(data: DataBed, dora: User, item: Any, papers: str) -> None:
    mount = data.mount(dora, item, papers)
    one = f"{mount['target']}/one"
    assert READ_ONLY in data.attempt(item, "sh", "-c", f"echo x > {one}", user="1000")
    for command in (
        *(("touch", one), ("rm", one), ("mkdir", f"{mount['target']}/new"), ("chmod", "777", one)),
    ):
        assert READ_ONLY in data.attempt(item, *command), command
    by_sudo = data.attempt(item, "sudo", "touch", one, user="1000")
    assert READ_ONLY in by_sudo or "no new privileges" in by_sudo
    for command in (("mount", "-o", "remount,rw", mount["target"]), ("umount", mount["target"])):
        assert re.search("denied|permitted|superuser", data.attempt(item, *command)), command
    assert (data.nas / "papers" / "one").read_text() == "first\n"
    data.unmount(dora, item, mount)


def test_what_is_written_where_it_may_be_is_on_the_nas(
    data: DataBed, dora: User, item: Any, papers: str
) -> None:
    mount = data.mount(dora, item, papers, name="writable", access="rw")
    assert mount["target"] == "/mnt/dynamic/writable"
    data.bench.execute(item, "sh", "-c", f"echo mine > {mount['target']}/mine")
    written = data.nas / "papers" / "mine"
    assert (written.read_text(), written.stat().st_uid) == ("mine\n", 1000)
    data.unmount(dora, item, mount)
    assert written.exists()


def test_a_bucket_is_mounted_and_its_key_is_nowhere_in_the_instance(
    data: DataBed, dora: User, item: Any, notebook: Kernel, pictures: str
) -> None:
    mount = data.mount(dora, item, pictures, access="rw")
    assert notebook.run(f"print(sorted(os.listdir('{mount['target']}')))") == "['cat', 'dog']"
    assert data.read(item, f"{mount['target']}/cat") == "meow"
    data.bench.execute(item, "sh", "-c", f"echo moo > {mount['target']}/cow")
    eventually(lambda: "team/pictures/cow" in data.store.keys(BUCKET), 30)
    assert data.secret_shown(item) == []
    data.unmount(dora, item, mount)
    data.nothing_left()
    assert data.store.get(BUCKET, "team/pictures/cow") == b"moo\n"


def test_two_instances_share_one_mount_and_the_last_one_out_ends_it(
    data: DataBed, dora: User, item: Any, pictures: str
) -> None:
    second = dora.running(display_name="another")
    first_mount = data.mount(dora, item, pictures)
    second_mount = data.mount(dora, second, pictures)
    assert len(data.sources()) == 1
    assert len(data.helpers()) == 1
    data.unmount(dora, item, first_mount)
    assert data.read(second, f"{second_mount['target']}/cat") == "meow"
    assert len(data.sources()) == 1
    dora.delete(second["id"])
    data.nothing_left()


def test_a_busy_mount_names_who_holds_it_and_force_takes_it_away(
    data: DataBed, dora: User, item: Any, papers: str
) -> None:
    mount = data.mount(dora, item, papers)
    path = f"instances/{item['id']}/mounts/{mount['id']}"
    with Kernel(dora, item) as holder:
        holder.run(f"held = open('{mount['target']}/one'); import os")
        refused = dora.http.delete(path)
        assert refused.status_code == 409, refused.text
        assert "python" in refused.json()["detail"]
        busy = dora.get(path)
        assert (busy["state"], busy["reason"], len(busy["holders"])) == ("Mounted", "Busy", 1)
        assert "python" in busy["holders"][0]["command"]
        assert holder.run("print(held.read())") == "first"
        assert mount["target"] in data.inside(item)
        data.unmount(dora, item, mount, force=True)
        assert holder.run(f"print(os.path.exists('{mount['target']}/one'))") == "False"
    assert data.of_instance(item) == []
    assert dora.state(item["id"]) == "Running"


def test_a_repository_is_there_at_the_commit_that_was_asked_for(
    data: DataBed, dora: User, item: Any, tmp_path: Path
) -> None:
    address = urlsplit(data.bench.settings.control_url).hostname or ""
    with git_server(tmp_path / "git", address) as server:
        uri = data.repository(server, "code", **{"train.py": "print(1)\n"})
        server.tag("code", "v1")
        server.commit("code", {"train.py": "print(2)\n"}, push="main")
        dataset = data.dataset(dora, "code", f"{uri}@v1")
        mount = data.mount(dora, item, dataset)
        assert data.read(item, f"{mount['target']}/train.py") == "print(1)\n"
        assert READ_ONLY in data.attempt(item, "touch", f"{mount['target']}/train.py")
        data.unmount(dora, item, mount)
    data.nothing_left()


def test_a_notebook_mounts_and_unmounts_by_python(
    data: DataBed, item: Any, notebook: Kernel, papers: str
) -> None:
    notebook.run("import dsw, pathlib; made = dsw.mount('papers')")
    assert notebook.run("print((pathlib.Path(made) / 'one').read_text())") == "first"
    assert notebook.run("print([each.name for each in dsw.list_mounts()])") == "['papers']"
    notebook.run("dsw.unmount('papers')")
    assert notebook.run("print(os.path.exists('/mnt/dynamic/papers/one'))") == "False"
    assert data.of_instance(item) == []
