"""Where a registry is configured, images are saved into it and start from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bcrypt
import httpx
import pytest
from tests.chain.test_save_as_image import save
from tests.workbenches import TestBench, docker

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("minimal_image")]

AUTH = """
auth: {{htpasswd: {{realm: tests, path: "{file}"}}}}
"""


def test_an_image_is_pushed_and_pulled_back_for_the_next_instance(
    start_registry: Callable[..., str], tmp_path: Path
) -> None:
    password = "a-registry-password-of-the-tests"
    file = tmp_path / "htpasswd"
    file.write_text(htpasswd("dsw", password))
    address = start_registry(AUTH.format(file=file))
    settings = f"""
[registry]
address = "{address}"
username = "dsw"
insecure = true
"""
    bench = TestBench(tmp_path / "data", "chainreg", settings)
    secrets = bench.data / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "registry").touch(mode=0o600)
    (secrets / "registry").write_text(password)
    bench.up()
    try:
        alice = bench.user("alice")
        item = alice.running(display_name="first")
        bench.execute(item, "sh", "-c", "echo kept > /opt/venv/kept")
        done = save(alice, item, "pushed")
        assert done["state"] == "Saved", done
        image = alice.get(f"images/{done['image_id']}")
        assert image["digest"].startswith(f"{address}/dsw/{item['workspace_id']}@sha256:")
        catalog = httpx.get(f"http://{address}/v2/_catalog", auth=("dsw", password)).json()
        assert sorted(catalog["repositories"]) == ["dsw/base", f"dsw/{item['workspace_id']}"]
        second = alice.running(display_name="second", image=image["id"])
        assert second["state"] == "Running", second
        assert bench.execute(second, "cat", "/opt/venv/kept") == "kept\n"
        # A snapshot of what came from the registry needs nothing pushed below it.
        bench.execute(second, "sh", "-c", "echo more > /opt/venv/more")
        again = save(alice, second, "pushed again")
        assert again["state"] == "Saved", again
        third = alice.running(display_name="third", image=again["image_id"])
        assert bench.execute(third, "cat", "/opt/venv/kept", "/opt/venv/more") == "kept\nmore\n"
        for log in (bench.data / "logs").iterdir():
            assert password not in log.read_text(errors="replace"), log.name
        for one in (item, second, third):
            alice.delete(one["id"])
    finally:
        bench.down()
        # By name, never by id: the pushed base is the same image as the workbench's own.
        names = "{{.Repository}} {{.Tag}} {{.Digest}}"
        for line in docker("image", "ls", "--digests", "--format", names).splitlines():
            repository, tag, digest = line.split()
            if repository.startswith(address):
                name = f"{repository}@{digest}" if tag == "<none>" else f"{repository}:{tag}"
                docker("image", "rm", name)


def htpasswd(user: str, password: str) -> str:
    """One line of a password file, by bcrypt."""
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()}\n"
