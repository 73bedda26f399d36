"""A workspace kept as a file, on a whole workbench: made, used, changed, exported and pruned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.workbenches import TestBench, User, docker

pytestmark = pytest.mark.docker

FILE = """
kind: Workspace
name: vision
display_name: Vision team
policy: {{sudo: false}}
members:
  alice: [owner]
  bob: [developer]
quotas:
  local: {{limits: {{instances: 1}}}}
images:
  torch:
    reference: {address}/team/torch:{tag}
    description: {description}
"""


@pytest.fixture
def registry(start_registry: Callable[..., str], minimal_image: str) -> Iterator[str]:
    """A registry that has the minimal image as `team/torch`, tags 1 and 2."""
    address = start_registry()
    names = [f"{address}/team/torch:{tag}" for tag in (1, 2)]
    for name in names:
        docker("tag", minimal_image, name)
        docker("push", name)
        docker("rmi", name)
    yield address
    pattern = "{{.Repository}}@{{.Digest}}"
    for line in docker("image", "ls", "--digests", "--format", pattern).splitlines():
        if line.startswith(address):
            docker("rmi", line)


@pytest.fixture
def bench(registry: str, tmp_path: Path) -> Iterator[TestBench]:
    """A workbench that may reach the registry."""
    settings = f'\n[registry]\naddress = "{registry}"\ninsecure = true\n'
    bench = TestBench(tmp_path / "data", "chainapply", settings)
    bench.up()
    yield bench
    for item in bench.admin.get("instances?all=true")["items"]:
        bench.admin.delete(item["id"])
    bench.down()


def run(user: User, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """A command of the user, with something on its standard input."""
    return subprocess.run(
        [sys.executable, "-m", "dsw.cli.main", *words],
        env={**os.environ, "DSW_URL": user.workbench.url, "DSW_TOKEN": user.token},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def dsw(user: User, *words: str, given: str = "") -> str:
    """What a command prints that must succeed."""
    done = run(user, *words, given=given)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def test_a_workspace_lives_as_a_file(bench: TestBench, registry: str) -> None:
    admin, alice, bob = bench.admin, bench.user("alice"), bench.user("bob")

    def apply(user: User, *more: str, **words: str) -> str:
        values = {"address": registry, "tag": "1", "description": "Tools", **words}
        text = FILE.format(**values) + "".join(f"{line}\n" for line in more)
        return dsw(user, "apply", "-f", "-", "--yes", given=text)

    assert "+ workspace vision" in apply(admin)
    assert "vision: no change" in apply(admin)
    [image] = json.loads(dsw(bob, "images", "list", "-w", "vision", "--name", "torch", "--json"))
    assert image["digest"].startswith(f"{registry}/team/torch@sha256:")

    words = ("--image", "torch", "--spec", "tiny", "-w", "vision")
    assert dsw(bob, "instances", "create", "eyes", *words).startswith("eyes  Running  ")
    waiting = dsw(bob, "instances", "create", "more", "--no-wait", "--json", *words)
    assert json.loads(waiting)["state"] == "Queuing"

    # A member who owns the workspace changes what needs no administrator; nothing is restarted.
    said = apply(alice, description="Newer")
    assert "~ image torch: description Tools -> Newer" in said
    assert "1 change" in said
    # An image that is in use is not replaced under the instance.
    newer = FILE.format(address=registry, tag="2", description="Newer")
    refused = run(alice, "apply", "-f", "-", "--yes", given=newer)
    assert refused.returncode == 1
    assert "in use" in refused.stderr
    assert image_of(bob)["id"] == image["id"]

    dsw(bob, "instances", "delete", "more", "--yes")
    bob.delete(json.loads(dsw(bob, "instances", "list", "--json"))[-1]["id"])
    apply(alice, tag="2", description="Newer")
    assert image_of(bob)["reference"] == f"{registry}/team/torch:2"

    bench.kill("control")
    bench.wait_until_ready()
    text = dsw(alice, "export", "vision")
    assert "vision: no change" in dsw(alice, "apply", "-f", "-", given=f"{text}prune: true\n")
    pruned = text.partition("\nimages:")[0] + "\nimages: {}\nprune: true\n"
    assert "- image torch" in dsw(alice, "apply", "-f", "-", "--yes", given=pruned)
    listed = dsw(bob, "images", "list", "-w", "vision", "--name", "torch", "--json")
    assert json.loads(listed) == []


def image_of(user: User) -> Any:
    """The image called torch, as the user sees it."""
    found = user.get("images?name=torch")["items"]
    assert len(found) == 1
    return found[0]
