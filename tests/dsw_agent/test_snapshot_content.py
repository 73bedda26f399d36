"""What a container's files look like in a container started from its image."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.dsw_agent.boxes import Box, Outcome, a_request

pytestmark = pytest.mark.docker

Saved = Callable[..., Box]


def test_deleted_files_stay_deleted(box: Box, saved_box: Saved) -> None:
    box.sh("rm /etc/debian_version; rm -r /usr/share/base-files")
    again = saved_box(box)
    assert not (again.root / "etc/debian_version").exists()
    assert not (again.root / "usr/share/base-files").exists()
    assert (again.root / "etc/os-release").exists()


def test_a_folder_made_anew_hides_what_the_base_had_in_it(box: Box, saved_box: Saved) -> None:
    assert (box.root / "etc/pam.d/login").exists()
    box.sh("rm -rf /etc/pam.d; mkdir /etc/pam.d; echo mine > /etc/pam.d/mine")
    again = saved_box(box)
    assert os.listdir(again.root / "etc/pam.d") == ["mine"]


def test_files_folders_and_links_replace_each_other(box: Box, saved_box: Saved) -> None:
    box.sh(
        "rm -r /usr/share/debconf; echo file > /usr/share/debconf;"
        "rm /etc/issue; mkdir -p /etc/issue/below; echo x > /etc/issue/below/x;"
        "rm /etc/os-release; cp /usr/lib/os-release /etc/os-release;"
        "rm -r /etc/cron.daily; ln -s /opt /etc/cron.daily;"
        "rm /etc/issue.net; ln -s nowhere /etc/issue.net"
    )
    again = saved_box(box)
    assert (again.root / "usr/share/debconf").read_text() == "file\n"
    assert (again.root / "etc/issue/below/x").read_text() == "x\n"
    assert not (again.root / "etc/os-release").is_symlink()
    assert os.readlink(again.root / "etc/cron.daily") == "/opt"
    assert os.readlink(again.root / "etc/issue.net") == "nowhere"


def test_hard_links_stay_one_file(box: Box, saved_box: Saved) -> None:
    box.sh("mkdir -p /opt/a /opt/b; echo one > /opt/b/first; ln /opt/b/first /opt/a/second")
    again = saved_box(box)
    first, second = again.root / "opt/b/first", again.root / "opt/a/second"
    assert first.stat().st_ino == second.stat().st_ino
    assert second.read_text() == "one\n"


def test_owners_modes_and_times_are_kept_exactly(box: Box, saved_box: Saved) -> None:
    box.sh(
        "echo x > /opt/tool; chown 1234:4321 /opt/tool; chmod 6751 /opt/tool;"
        "mkdir /opt/sticky; chmod 1777 /opt/sticky; chown 3000000:3000001 /opt/sticky"
    )
    os.utime(box.root / "opt/tool", ns=(0, 1_700_000_000_123_456_789))
    os.utime(box.root / "opt/sticky", ns=(0, 1_600_000_000_000_000_001))
    again = saved_box(box)
    tool, sticky = (again.root / "opt/tool").stat(), (again.root / "opt/sticky").stat()
    assert (tool.st_uid, tool.st_gid, stat.S_IMODE(tool.st_mode)) == (1234, 4321, 0o6751)
    assert tool.st_mtime_ns == 1_700_000_000_123_456_789
    assert (sticky.st_uid, sticky.st_gid) == (3000000, 3000001)
    assert stat.S_IMODE(sticky.st_mode) == 0o1777
    assert sticky.st_mtime_ns == 1_600_000_000_000_000_001


def test_user_attributes_and_file_capabilities_are_kept(box: Box, saved_box: Saved) -> None:
    box.sh("echo x > /opt/tool; mkdir /opt/folder")
    # VFS_CAP_REVISION_2 with cap_net_bind_service permitted and effective.
    capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    os.setxattr(box.root / "opt/tool", "security.capability", capability)
    os.setxattr(box.root / "opt/tool", "user.binary", b"\x00\xff=\n")
    os.setxattr(box.root / "opt/folder", "user.note", "grün".encode())
    again = saved_box(box)
    assert os.getxattr(again.root / "opt/tool", "security.capability") == capability
    assert os.getxattr(again.root / "opt/tool", "user.binary") == b"\x00\xff=\n"
    assert os.getxattr(again.root / "opt/folder", "user.note") == "grün".encode()


def test_names_of_any_script_and_length_are_kept(box: Box, saved_box: Saved) -> None:
    names = ["数据 训练.txt", "n" * 255, "new\nline", "back\\slash", "é" * 120]
    folder = box.root / "opt"
    deep = "/".join(["d" * 200] * 5)
    for name in names:
        (folder / name).write_text(name)
    (folder / deep).mkdir(parents=True)
    (folder / deep / "leaf").symlink_to("t" * 300)
    (Path(os.fsdecode(bytes(folder) + b"/latin-\xe9"))).write_text("not UTF-8")
    again = saved_box(box)
    for name in names:
        assert (again.root / "opt" / name).read_text() == name
    assert os.readlink(again.root / "opt" / deep / "leaf") == "t" * 300
    assert Path(os.fsdecode(bytes(again.root) + b"/opt/latin-\xe9")).read_text() == "not UTF-8"


def test_a_sparse_file_keeps_its_content(box: Box, saved_box: Saved) -> None:
    with (box.root / "opt/sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(40_000_000)
        file.write(b"middle")
        file.truncate(100_000_001)
    again = saved_box(box)
    with (again.root / "opt/sparse").open("rb") as file:
        assert file.read(6) == b"begin\0"
        file.seek(39_999_999)
        assert file.read(8) == b"\0middle\0"
        assert file.seek(0, os.SEEK_END) == 100_000_001


def test_devices_and_pipes_are_kept_and_sockets_are_named(
    box: Box, save: Callable[..., Outcome], start_box: Callable[..., Box]
) -> None:
    os.mknod(box.root / "opt/device", stat.S_IFCHR | 0o640, os.makedev(1, 3))
    os.mkfifo(box.root / "opt/pipe")
    os.mknod(box.root / "opt/socket", stat.S_IFSOCK | 0o600)
    done = save(a_request(box))
    again = start_box(done.last.image)
    assert done.last.skipped == ["/opt/socket: a socket"]
    device = (again.root / "opt/device").stat()
    assert stat.S_ISCHR(device.st_mode)
    assert device.st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((again.root / "opt/pipe").stat().st_mode)
    assert not (again.root / "opt/socket").exists()


def test_secrets_run_time_files_and_excluded_files_are_absent(
    box: Box, save: Callable[..., Outcome], start_box: Callable[..., Box]
) -> None:
    secrets = (
        "root/.ssh/id_ed25519",
        "root/.aws/credentials",
        "root/.aliyun/config.json",
        "root/.kube/config",
        "home/ann/.netrc",
        "home/ann/.docker/config.json",
        "home/ann/.git-credentials",
        "mnt/workspace/.local/share/jupyter/runtime/kernel-1.json",
        "mnt/workspace/.bash_history",
        "mnt/workspace/.python_history",
        "mnt/workspace/.ipython/profile_default/history.sqlite",
    )
    others = ("run/dsw/environment", "tmp/x", "opt/big.bin", "opt/scratch/x")
    kept = ("home/ann/.docker/other.json", "opt/run/x", "opt/tmp/x")
    for path in (*secrets, *others, *kept):
        (box.root / path).parent.mkdir(parents=True, exist_ok=True)
        (box.root / path).write_text("secret-word")
    done = save(a_request(box, exclude=["*.bin", "/opt/scratch"]))
    again = start_box(done.last.image)
    for path in (*secrets, *others):
        assert not (again.root / path).exists(), path
    for path in kept:
        assert (again.root / path).read_text() == "secret-word", path
    assert "/root/.ssh: may hold secrets" in done.last.skipped
    assert "/home/ann/.netrc: may hold secrets" in done.last.skipped
    assert "/opt/scratch: excluded by request" in done.last.skipped


def test_a_secret_of_the_base_that_was_deleted_stays_deleted(
    start_box: Callable[..., Box], saved_box: Saved, base_with_secret: str
) -> None:
    with_secret = start_box(base_with_secret)
    assert (with_secret.root / "root/.netrc").exists()
    with_secret.sh("rm /root/.netrc")
    assert not (saved_box(with_secret).root / "root/.netrc").exists()


def test_mounted_data_is_absent(
    start_box: Callable[..., Box], saved_box: Saved, tmp_path: Path
) -> None:
    (tmp_path / "model").write_text("mounted")
    mounted = start_box(volumes={str(tmp_path): {"bind": "/mnt/data/set", "mode": "rw"}})
    mounted.sh("echo local > /mnt/data/local; echo more > /mnt/data/set/more")
    # Below a mount point there can be files from before it was mounted.
    (mounted.upper / "mnt/data/set/hidden").write_text("hidden")
    again = saved_box(mounted)
    assert (again.root / "mnt/data/local").read_text() == "local\n"
    assert not (again.root / "mnt/data/set").exists()
