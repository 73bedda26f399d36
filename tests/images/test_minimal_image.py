"""The minimal image as it is built: who one is in it, what works, and what must not be in it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from tests.images.builds import EXTRA_CA, attempt, builder, run
from tests.images.layers import layers_with, names_in_layers

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

HOST_KEY = re.compile(r"(^|/)ssh_host_[a-z0-9]+_key(\.pub)?$")

# Every Python file whose compiled file is missing or of another time.
NOT_COMPILED = """
import importlib.util, pathlib, struct
for path in pathlib.Path("/opt/venv/lib").rglob("*.py"):
    compiled = pathlib.Path(importlib.util.cache_from_source(str(path)))
    try:
        (made,) = struct.unpack("<8xL", compiled.read_bytes()[:12])
    except FileNotFoundError:
        made = 0
    if made != int(path.stat().st_mtime):
        print(path)
"""


def config(image: str) -> dict[str, object]:
    inspected = subprocess.check_output(["docker", "image", "inspect", image])
    found: dict[str, object] = json.loads(inspected)[0]["Config"]
    return found


def test_one_is_dsw_at_home_in_the_workspace(minimal: str) -> None:
    assert run(minimal, "id") == "uid=1000(dsw) gid=1000(dsw) groups=1000(dsw)"
    assert run(minimal, "sh", "-c", "echo $HOME $PWD") == "/mnt/workspace /mnt/workspace"
    assert run(minimal, "stat", "-c", "%U:%G %a", "/mnt/workspace") == "dsw:dsw 755"


def test_the_venv_is_the_users_own_and_first_on_the_path(minimal: str) -> None:
    assert run(minimal, "which", "python") == "/opt/venv/bin/python"
    assert run(minimal, "bash", "-lc", "which python") == "/opt/venv/bin/python"
    others = run(minimal, "find", "/opt/venv", "-not", "-user", "dsw")
    assert others == ""


def test_sudo_makes_one_root(minimal: str) -> None:
    assert run(minimal, "sudo", "id", "-u") == "0"


def test_sudo_does_not_work_without_new_privileges(minimal: str) -> None:
    options = ("--security-opt=no-new-privileges",)
    done = attempt(minimal, "sudo", "id", "-u", options=options)
    assert done.returncode == 1
    assert "no new privileges" in done.stderr


def test_nobody_else_can_write_in_the_image(minimal: str) -> None:
    found = run(minimal, "sudo", "find", "/", "-xdev", "-perm", "-o+w", "-not", "-type", "l")
    sticky = run(minimal, "sudo", "find", "/", "-xdev", "-perm", "-1000", "-type", "d")
    assert set(found.split()) == {"/tmp", "/var/tmp", "/run/lock"}
    assert set(found.split()) <= set(sticky.split())


def test_python_files_are_compiled(minimal: str) -> None:
    assert run(minimal, "python", "-c", NOT_COMPILED) == ""


def test_no_cache_of_a_package_manager_is_left(minimal: str) -> None:
    folders = ("/tmp", "/var/lib/apt/lists", "/var/cache/apt")
    assert run(minimal, "sudo", "find", *folders, "-type", "f", "-size", "+0") == ""
    assert run(minimal, "sudo", "ls", "-A", "/root") == ".bashrc\n.profile"


def test_the_entry_point_hands_on_the_commands_exit_code(minimal: str) -> None:
    assert config(minimal)["Entrypoint"] == [
        *("/usr/bin/tini", "-g", "--"),
        *("/opt/venv/bin/python", "-I", "-m", "dsw_server.entry"),
    ]
    assert config(minimal)["Cmd"] == ["jupyterhub-singleuser"]
    assert attempt(minimal, "sh", "-c", "exit 7").returncode == 7


def test_the_server_is_there_and_says_what_it_misses(minimal: str) -> None:
    done = attempt(minimal)
    assert done.returncode != 0
    assert "JUPYTERHUB_SERVICE_URL" in done.stderr


def test_kernels_and_extensions_are_installed(minimal: str) -> None:
    specs = json.loads(run(minimal, "jupyter", "kernelspec", "list", "--json"))
    assert list(specs["kernelspecs"]) == ["python3"]
    listed = run(minimal, "sh", "-c", "jupyter server extension list 2>&1")
    for extension in ("dsw_server", "jupyter_server_terminals", "jupyter_server_proxy"):
        assert re.search(rf"^\s*{extension}\b.*enabled", listed, re.MULTILINE), listed


def test_an_extra_ca_is_in_no_layer_unless_asked_for(
    minimal: str, wheel: Path, tmp_path: Path
) -> None:
    needle = EXTRA_CA.read_bytes().splitlines()[5]
    assert layers_with(minimal, needle, tmp_path) == []
    keeping = builder(wheel, "dsw-test-keep", keep_ca=True).build("minimal").reference
    found = layers_with(keeping, needle, tmp_path)
    assert "etc/ssl/certs/ca-certificates.crt" in found
    trusted = run(keeping, "cat", "/etc/ssl/certs/ca-certificates.crt")
    assert needle.decode() in trusted


@pytest.mark.parametrize("image", ["minimal", "base"])
def test_ssh_is_there_and_no_layer_has_a_host_key(
    image: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    reference = request.getfixturevalue(image)
    assert "OpenSSH_" in run(reference, "sh", "-c", "/usr/sbin/sshd -V 2>&1 || true")
    names = names_in_layers(reference, tmp_path)
    assert "usr/sbin/sshd" in names
    assert [name for name in names if HOST_KEY.search(name)] == []


def test_an_image_that_did_not_change_is_left_alone(minimal: str, wheel: Path) -> None:
    label = config(minimal)["Labels"]
    began = time.monotonic()
    outcome = builder(wheel).build("minimal")
    assert not outcome.built
    assert outcome.reference == minimal
    assert outcome.size > 100_000_000
    assert time.monotonic() - began < 30
    assert config(minimal)["Labels"] == label
