"""Usage by cgroup v1, cgroup v2 and processes, and the percentages made of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.polling import eventually

from dsw_server import cgroup, gpus, processes
from dsw_server.metrics import MIN_PERIOD, Sampler
from dsw_server.usage import Gpu, Usage, cpu_percent

GIB = 1024**3
V1_MEMBERSHIP = """9:name=systemd:{0}
4:memory:{0}
3:cpu,cpuacct:{0}
0::/
"""


class Tree:
    """Files as the kernel would show them."""

    def __init__(self, root: Path) -> None:
        self.mount = root / "sys"
        self.membership = root / "cgroup"

    def v2(self, path: str = "/", folder: str = "", **changes: str) -> Tree:
        files = {
            "memory.max": "1073741824",
            "memory.current": "600000000",
            "memory.stat": "anon 1\ninactive_file 100000000\nactive_file 5",
            "memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0",
            "cpu.max": "150000 100000",
            "cpu.stat": "usage_usec 2500000\nuser_usec 1",
        }
        return self._write(f"0::{path}\n", folder, {**files, **changes})

    def v1(self, path: str = "/", folder: str = "", **changes: str) -> Tree:
        files = {
            "memory/memory.limit_in_bytes": "1073741824",
            "memory/memory.usage_in_bytes": "600000000",
            "memory/memory.stat": "inactive_file 7\ntotal_inactive_file 100000000",
            "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2",
            "cpu/cpu.cfs_quota_us": "150000",
            "cpu/cpu.cfs_period_us": "100000",
            "cpuacct/cpuacct.usage": "2500000000",
        }
        inside = {
            f"{name.split('/')[0]}/{folder}/{name.split('/')[1]}": text
            for name, text in {**files, **changes}.items()
        }
        return self._write(V1_MEMBERSHIP.format(path), "", inside)

    def read(self) -> Usage | None:
        return cgroup.read(self.mount, self.membership)

    def _write(self, membership: str, folder: str, files: dict[str, str]) -> Tree:
        self.membership.write_text(membership)
        for name, text in files.items():
            file = self.mount / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n")
        return self


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


EXPECTED = Usage(
    cpu_seconds=2.5, cpu_limit=1.5, memory_used=500000000, memory_limit=GIB, oom_kills=2
)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("path", "folder"),
    [("/", ""), ("/docker/abc", ""), ("/kubepods/pod1/abc", "kubepods/pod1/abc")],
)
def test_both_versions_are_read_where_the_container_sees_them(
    tree: Tree, version: str, path: str, folder: str
) -> None:
    getattr(tree, version)(path, folder)
    assert tree.read() == EXPECTED


def test_cache_that_can_be_dropped_is_not_used_memory(tree: Tree) -> None:
    usage = tree.v2(**{"memory.current": "50", "memory.stat": "inactive_file 80"}).read()
    assert usage is not None
    assert usage.memory_used == 0


def test_a_cpu_without_quota_has_no_limit(tree: Tree) -> None:
    for usage in (
        tree.v2(**{"cpu.max": "max 100000"}).read(),
        tree.v1(**{"cpu/cpu.cfs_quota_us": "-1"}).read(),
    ):
        assert usage is not None
        assert usage.cpu_limit is None


def test_a_cgroup_without_memory_limit_is_not_an_instances_own(tree: Tree) -> None:
    assert tree.v2(**{"memory.max": "max"}).read() is None
    assert tree.v1(**{"memory/memory.limit_in_bytes": "9223372036854771712"}).read() is None


def test_missing_or_strange_files_are_no_figures(tree: Tree) -> None:
    tree.membership.write_text("0::/\n")
    assert tree.read() is None
    assert tree.v2(**{"cpu.max": "nonsense"}).read() is None
    tree.membership.unlink()
    assert tree.read() is None


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    code = "kept = bytearray(64 << 20)\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code], text=True)
    yield process
    process.kill()
    process.wait()


def test_without_a_cgroup_the_process_tree_is_counted(child: subprocess.Popen[str]) -> None:
    limits = {"MEM_LIMIT": str(GIB), "CPU_LIMIT": "1.5"}
    first = processes.read(limits)
    assert (first.memory_limit, first.cpu_limit) == (GIB, 1.5)
    assert eventually(lambda: processes.read({}).cpu_seconds > first.cpu_seconds + 0.3)
    with_child = processes.read({})
    child.kill()
    child.wait()
    without = processes.read({})
    assert with_child.memory_used - without.memory_used >= 64 << 20
    assert (without.memory_limit, without.cpu_limit) == (None, None)


@example(used=1, seconds=5e-324, cores=0.01)
@given(used=st.floats(-10, 1e6), seconds=st.floats(-1, 1e6), cores=st.floats(0.01, 1024))
def test_a_percentage_is_between_0_and_100(used: float, seconds: float, cores: float) -> None:
    before, after = reading(5), reading(5 + used)
    assert 0 <= cpu_percent(before, after, seconds, cores) <= 100


def reading(cpu_seconds: float, **values: float) -> Usage:
    return Usage(
        cpu_seconds=cpu_seconds,
        **{"cpu_limit": 2.0, "memory_used": 100, "memory_limit": 200, **values},
    )


def test_cpu_is_the_share_of_the_limit_since_the_answer_before() -> None:
    now = 0.0
    readings = iter([reading(10), reading(13), reading(13)])
    sampler = Sampler(lambda: next(readings), list, lambda: now)
    now = 3.0
    assert sampler.sample().cpu_percent == 50.0
    now = 3.0 + MIN_PERIOD / 2
    assert sampler.sample().cpu_percent == 50.0
    now = 3.0 + MIN_PERIOD
    assert sampler.sample().cpu_percent == 0.0
    assert next(readings, None) is None


def test_what_has_no_limit_is_measured_against_the_machine() -> None:
    gpu = Gpu(index=0, name="A", utilization=None, memory_used=1, memory_total=2)
    unlimited = Usage(cpu_seconds=0, cpu_limit=None, memory_used=1, memory_limit=None)
    metrics = Sampler(lambda: unlimited, lambda: [gpu]).sample()
    assert metrics.cpu_limit == os.cpu_count()
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert metrics.memory_limit == total
    assert metrics.gpus == [gpu]


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a GPU")
def test_a_machine_without_a_driver_has_no_gpus() -> None:
    assert gpus.read() == []


@pytest.fixture
def container(debian_image: str) -> Iterator[str]:
    command = ["docker", "run", "-d", "--memory=64m", "--memory-swap=64m", "--cpus=0.5"]
    started = subprocess.check_output([*command, debian_image, "sleep", "300"], text=True).strip()
    yield started
    subprocess.run(["docker", "rm", "-f", started], check=True, capture_output=True)


@pytest.mark.docker
def test_a_real_containers_limits_and_oom_kills_are_seen(container: str) -> None:
    show = ["docker", "inspect", "-f", "{{.State.Pid}}", container]
    membership = Path(f"/proc/{subprocess.check_output(show, text=True).strip()}/cgroup")
    before = cgroup.read(membership=membership)
    assert before is not None
    assert (before.cpu_limit, before.memory_limit, before.oom_kills) == (0.5, 64 << 20, 0)
    hog = ["docker", "exec", container, "tail", "/dev/zero"]
    assert subprocess.run(hog, check=False, capture_output=True).returncode == 137
    after = cgroup.read(membership=membership)
    assert after is not None
    assert after.oom_kills >= 1
    assert after.cpu_seconds > before.cpu_seconds
