"""Cloning a code source: real git, real servers, and repositories that mean no good."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.git_servers import GitServer, git, git_server
from tests.polling import eventually

from dsw.code_sources import CodeCheckout
from dsw.git_words import LINE_MAX, percent_of
from dsw_server.checkout import Checkout, Progress
from dsw_server.git import LINES, STEPS
from dsw_server.git_credential import answer

from .conftest import Server

SECRET = "deploy-token/7+Q=="
HUB_TOKEN = "the-token-of-the-hub"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Callable[[], GitServer]]:
    """Starts git servers; all are stopped at the end."""
    with ExitStack() as stack:
        count = iter(range(9))
        yield lambda: stack.enter_context(git_server(tmp_path / f"server-{next(count)}"))


@pytest.fixture
def server(servers: Callable[[], GitServer]) -> GitServer:
    return servers()


class Instance:
    """An instance as the extension sees it: a home, a run folder, an environment."""

    def __init__(self, home: Path, run: Path, instance_id: str = "dsw-aaaaaaaaaaaa") -> None:
        self.home, self.file = home, run / "code"
        for folder in (home, run):
            folder.mkdir(exist_ok=True)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DSW_CODE_FILE": str(self.file),
            "DSW_INSTANCE_ID": instance_id,
            "JUPYTERHUB_API_TOKEN": HUB_TOKEN,
            "GIT_DIR": "/nowhere",
        }

    def told(self, url: str, directory: str = "work/code", **values: str) -> Checkout:
        """A server that starts with this code source."""
        code = CodeCheckout(url=url, directory=directory, **values)
        self.file.write_text(code.model_dump_json())
        return self.checkout()

    def checkout(self) -> Checkout:
        return Checkout(self.environ, logging.getLogger("test"))

    def git(self, folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """git as the user runs it in a terminal."""
        environ = {k: v for k, v in self.environ.items() if k != "GIT_DIR"}
        return subprocess.run(
            ["git", *arguments],
            cwd=self.home / folder,
            env={**environ, "GIT_TERMINAL_PROMPT": "0"},
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> set[str]:
        """What is in the home, folders' contents left out."""
        return {path.name for path in self.home.iterdir()}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path / "home", tmp_path / "run")


async def done(checkout: Checkout) -> Progress:
    """How it ended; when is left out."""
    checkout.start()
    assert checkout._task
    await checkout._task
    assert bool(checkout.progress.ended_at) == bool(checkout.progress.state)
    return replace(checkout.progress, ended_at="")


async def test_without_a_code_source_nothing_happens(instance: Instance) -> None:
    assert await done(instance.checkout()) == Progress()
    assert instance.files() == set()


async def test_the_default_branch_is_cloned_with_its_history(
    server: GitServer, instance: Instance
) -> None:
    url = server.repository("model", {"train.py": "print(1)\n"})
    server.commit("model", {"train.py": "print(2)\n"}, push="main")
    ended = await done(instance.told(url))
    where = instance.home / "work/code"
    assert ended == Progress("Ready", "work/code", 100, f"The code is in {where}.")
    assert (where / "train.py").read_text() == "print(2)\n"
    assert git(where, "rev-list", "--count", "HEAD") == "2"
    assert git(where, "symbolic-ref", "--short", "HEAD") == "main"
    assert instance.files() == {"work"}


@pytest.mark.parametrize(("ref", "branch"), [("topic/a+b", True), ("v1.0", False), ("", False)])
async def test_a_branch_a_tag_or_a_commit_is_checked_out(
    server: GitServer, instance: Instance, ref: str, branch: bool
) -> None:
    url = server.repository("model", {"a": "1"})
    wanted = server.commit("model", {"a": "2"}, push="topic/a+b")
    server.tag("model", "v1.0")
    server.commit("model", {"a": "3"}, push="topic/a+b" if not branch else "other")
    ended = await done(instance.told(url, ref=ref or wanted))
    assert ended.state == "Ready", ended.message
    where = instance.home / "work/code"
    assert git(where, "rev-parse", "HEAD") == wanted
    attached = instance.git("work/code", "symbolic-ref", "--quiet", "HEAD")
    assert (attached.returncode == 0) == branch


async def test_a_commit_that_no_branch_leads_to_is_fetched(
    server: GitServer, instance: Instance
) -> None:
    url = server.repository("model", {"a": "1"})
    git(server.root / "model.git", "config", "uploadpack.allowAnySHA1InWant", "true")
    lost = server.commit("model", {"a": "2"}, push="main")
    git(server.root / "model.git", "update-ref", "refs/heads/main", f"{lost}~1")
    assert (await done(instance.told(url, ref=lost))).state == "Ready"
    assert (instance.home / "work/code/a").read_text() == "2"


@pytest.mark.parametrize("ref", ["there-is-none", "0" * 40])
async def test_a_wrong_ref_fails_in_gits_words_and_leaves_nothing(
    server: GitServer, instance: Instance, ref: str
) -> None:
    url = server.repository("model", {"a": "1"})
    ended = await done(instance.told(url, ref=ref))
    assert (ended.state, url in ended.message, ref in ended.message) == ("Failed", True, True)
    assert instance.files() == set()


def guarded(server: GitServer) -> str:
    server.user, server.password = "deploy", SECRET
    return server.repository("private", {"a": "1"})


async def test_a_private_repository_is_cloned_and_pulled_while_the_instance_runs(
    server: GitServer, instance: Instance
) -> None:
    url = guarded(server)
    # Helpers of the user would be told the secret, and this one writes it down.
    (instance.home / ".gitconfig").write_text(
        "[credential]\n\thelper = store\n[user]\n\tname = Ann\n\temail = ann@example.org\n"
    )
    ended = await done(instance.told(url, username="deploy", secret=SECRET))
    assert ended.state == "Ready", ended.message
    server.commit("private", {"a": "2"}, push="main")
    assert instance.git("work/code", "pull").returncode == 0
    assert (instance.home / "work/code/a").read_text() == "2"
    commit = instance.git("work/code", "commit", "--allow-empty", "--message=Mine")
    assert commit.returncode == 0, commit.stderr
    push = instance.git("work/code", "push")
    assert push.returncode == 0, push.stderr
    written = [path for path in instance.home.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert not any(SECRET.encode() in path.read_bytes() for path in written)
    instance.file.unlink()
    assert instance.git("work/code", "pull").returncode != 0


async def test_a_user_who_names_themselves_is_asked_for_their_own_password(
    server: GitServer, instance: Instance
) -> None:
    url = guarded(server)
    await done(instance.told(url, username="deploy", secret=SECRET))
    server.asked.clear()
    mine = url.replace("http://", "http://me@")
    assert "could not read Password" in instance.git("work/code", "ls-remote", mine).stderr
    assert server.asked
    assert not any(server.allowed(authorization) for _, authorization in server.asked)


@pytest.mark.parametrize("secret", ["", "another-secret"])
async def test_a_missing_or_wrong_password_fails_and_asks_nobody(
    server: GitServer, instance: Instance, secret: str
) -> None:
    ended = await done(instance.told(guarded(server), username="deploy", secret=secret))
    assert ended.state == "Failed"
    assert "Authentication failed" in ended.message or "could not read Username" in ended.message
    assert not secret or secret not in ended.message
    assert instance.files() == set()


@pytest.mark.parametrize("is_guarded", [True, False])
async def test_a_redirect_to_another_host_does_not_take_the_credential_along(
    servers: Callable[[], GitServer], instance: Instance, is_guarded: bool
) -> None:
    thief, server = servers(), servers()
    guarded(thief)
    url = guarded(server)
    if not is_guarded:
        server.password = ""
    server.elsewhere = thief.url
    ended = await done(instance.told(url, username="deploy", secret=SECRET))
    assert ended.state == "Failed"
    assert thief.asked
    assert {authorization for _, authorization in thief.asked} == {""}


async def test_what_is_in_the_way_is_left_as_it_is(server: GitServer, instance: Instance) -> None:
    url = server.repository("model", {"a": "1"})
    assert (await done(instance.told(url))).message
    (instance.home / "work/code/a").write_text("my own work")
    again = await done(instance.told(url, ref="whatever"))
    assert again == Progress("Ready", "work/code", 100, "")
    assert (instance.home / "work/code/a").read_text() == "my own work"
    (instance.home / "mine").mkdir()
    other = await done(instance.told(url, directory="mine"))
    assert other.state == "Ready"
    assert f"is no clone of {url}" in other.message
    assert not any((instance.home / "mine").iterdir())


async def test_two_instances_with_one_home_share_the_clone(
    server: GitServer, tmp_path: Path
) -> None:
    url = server.repository("model", {"a": "1"})
    both = [
        Instance(tmp_path / "home", tmp_path / f"run{n}", f"dsw-{n * 12}").told(url) for n in "ab"
    ]
    ended = await asyncio.gather(*map(done, both))
    assert [progress.state for progress in ended] == ["Ready", "Ready"]
    assert sorted(progress.message != "" for progress in ended) == [False, True]
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"work"}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A server with this gate hangs until the file is there; opened at the end."""
    path = tmp_path / "gate"
    yield path
    path.touch()


def wait_at(gate: Path) -> str:
    """The shell's words for it."""
    return f"while [ ! -e {gate} ]; do sleep 0.05; done"


def seen(process: psutil.Process) -> str:
    """What others on the machine may see of it; nothing once it has ended."""
    try:
        return " ".join([*process.cmdline(), *process.environ().values()])
    except psutil.Error:
        return ""


def clones() -> list[psutil.Process]:
    """The `git clone` that this process has started."""
    children = psutil.Process().children()
    return [child for child in children if " clone " in seen(child)]


async def hanging(checkout: Checkout, server: GitServer, gate: Path) -> None:
    """Starts it, and answers when the server has begun to send and hangs."""
    server.before_packing = wait_at(gate)
    checkout.start()
    asks = "/git-upload-pack"
    await asyncio.to_thread(
        eventually, lambda: any(path.endswith(asks) for path, _ in server.asked), 20
    )


async def test_a_stop_half_way_leaves_neither_git_nor_half_a_folder(
    server: GitServer, instance: Instance, gate: Path
) -> None:
    checkout = instance.told(server.repository("model", {"a": "1"}))
    await hanging(checkout, server, gate)
    (running,) = clones()
    assert (checkout.progress.state, instance.files()) == (
        "Cloning",
        {".dsw-clone-dsw-aaaaaaaaaaaa"},
    )
    await checkout.stop()
    assert not running.is_running()
    assert instance.files() == set()


async def test_what_a_killed_server_left_is_cleared_at_the_next_start(
    server: GitServer, instance: Instance
) -> None:
    left = instance.home / ".dsw-clone-dsw-aaaaaaaaaaaa" / "objects"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    assert (await done(instance.told(server.repository("model", {"a": "1"})))).state == "Ready"
    assert instance.files() == {"work"}


async def test_no_command_line_and_no_environment_shows_a_secret(
    server: GitServer, instance: Instance, gate: Path
) -> None:
    checkout = instance.told(guarded(server), username="deploy", secret=SECRET)
    await hanging(checkout, server, gate)
    (clone,) = clones()
    family = [text for text in map(seen, [clone, *clone.children(recursive=True)]) if text]
    assert any("remote-http" in text for text in family)
    for text in family:
        assert SECRET not in text
        assert HUB_TOKEN not in text
    await checkout.stop()


async def test_memory_that_runs_out_ends_git_and_not_the_server(
    server: GitServer, instance: Instance, gate: Path
) -> None:
    checkout = instance.told(server.repository("model", {"a": "1"}))
    await hanging(checkout, server, gate)
    scores = [(Path("/proc") / str(child.pid) / "oom_score_adj") for child in clones()]
    assert [score.read_text().strip() for score in scores] == ["1000"]
    await checkout.stop()


INJECTIONS: dict[str, dict[str, Any]] = {
    "an option as ref": {"ref": "--upload-pack=touch MARKER"},
    "an option as url": {"url": "--upload-pack=touch MARKER"},
    "a command as transport": {"url": "ext::touch MARKER"},
    "a local repository": {"url": "file:///etc"},
    "a path": {"url": "/etc"},
    "ssh with a command": {"url": "ssh://-oProxyCommand=touch%20MARKER/x"},
    "a password in the address": {"url": "http://user:pass@example.org/x"},
    "upwards": {"directory": "../outside"},
    "upwards within": {"directory": "a/../../outside"},
    "an absolute folder": {"directory": "/tmp/outside"},
    "a hidden folder": {"directory": ".ssh"},
    "a hidden folder below": {"directory": "work/.git/hooks"},
    "a line break": {"url": "http://example.org/x\nhost=evil.example"},
    "an unknown key": {"hooks": "touch MARKER"},
}


@pytest.mark.parametrize("values", INJECTIONS.values(), ids=INJECTIONS.keys())
async def test_what_is_no_repository_ref_or_folder_is_never_handed_to_git(
    instance: Instance, tmp_path: Path, values: dict[str, str]
) -> None:
    marker = tmp_path / "marker"
    code = {"url": "http://127.0.0.1:1/x", "directory": "x", "secret": SECRET, **values}
    instance.file.write_text(json.dumps(code).replace("MARKER", str(marker)))
    ended = await done(instance.checkout())
    assert (ended.state, "does not understand" in ended.message) == ("Failed", True)
    assert SECRET not in ended.message
    assert not marker.exists()
    assert instance.files() == set()


async def test_neither_submodules_nor_hooks_nor_redirected_addresses_run_anything(
    server: GitServer, instance: Instance, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "post-checkout").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (template / "post-checkout").chmod(0o755)
    url = server.repository("model", {"a": "1"})
    head = git(server.root / "model.work", "rev-parse", "HEAD")
    git(server.root / "model.work", "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    modules = f'[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c touch% {marker}\n'
    (server.root / "model.work" / "sub").mkdir()
    server.commit("model", {".gitmodules": modules}, push="main")
    (instance.home / ".gitconfig").write_text(
        f"[submodule]\n\trecurse = true\n\tstickyRecursiveClone = true\n\tactive = .\n"
        f"[protocol]\n\tallow = always\n"
        f"[init]\n\ttemplateDir = {tmp_path / 'template'}\n"
        f'[url "ext::sh -c touch% {marker} "]\n\tinsteadOf = {server.url}/other\n'
    )
    ended = await done(instance.told(url))
    assert ended.state == "Ready", ended.message
    assert (instance.home / "work/code/.gitmodules").exists()
    assert (await done(instance.told(f"{server.url}/other", directory="other"))).state == "Failed"
    assert not marker.exists()


@pytest.mark.parametrize("directory", ["link/code", "folder/link/code"])
async def test_a_link_on_the_way_is_not_followed(
    server: GitServer, instance: Instance, tmp_path: Path, directory: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = instance.home / directory.removesuffix("/code")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    ended = await done(instance.told(server.repository("model", {"a": "1"}), directory=directory))
    assert (ended.state, f"{link} is a link" in ended.message) == ("Failed", True)
    assert not any(outside.iterdir())
    assert not server.asked


async def test_a_link_in_the_place_itself_is_left_as_it_is(
    server: GitServer, instance: Instance, tmp_path: Path
) -> None:
    (instance.home / "code").symlink_to(tmp_path / "nowhere")
    url = server.repository("model", {"a": "1"})
    ended = await done(instance.told(url, directory="code"))
    assert "is left as it is" in ended.message
    assert (instance.home / "code").is_symlink()


async def test_a_server_that_never_stops_talking_fills_no_memory(
    server: GitServer, instance: Instance
) -> None:
    server.before_packing = "head -c 30000000 /dev/zero | tr '\\0' x >&2; echo >&2"
    url = server.repository("model", {"a": "1"})
    before = psutil.Process().memory_info().rss
    ended = await done(instance.told(url))
    assert ended.state == "Ready", ended.message
    assert psutil.Process().memory_info().rss - before < 10_000_000


async def test_what_the_server_says_is_shown_without_the_secret(
    server: GitServer, instance: Instance
) -> None:
    lines = [f"\x1b[31mYou sent {SECRET}", *(f"{n} is a line" for n in range(100))]
    server.refusal = "\n".join([*lines, f"Go away, {SECRET}", ""])
    url = guarded(server)
    ended = await done(instance.told(url, username="deploy", secret=SECRET))
    assert (ended.state, "Go away, ***" in ended.message) == ("Failed", True)
    assert "\x1b" not in ended.message
    assert SECRET not in ended.message
    assert len(ended.message) < (LINE_MAX + 1) * LINES + 200


async def test_an_image_without_git_says_so(instance: Instance) -> None:
    instance.environ["PATH"] = "/nowhere"
    ended = await done(instance.told("http://127.0.0.1:1/x"))
    assert (ended.state, "no git in this image" in ended.message) == ("Failed", True)


async def test_a_home_that_cannot_be_used_fails_the_clone_alone(instance: Instance) -> None:
    instance.environ["HOME"] = "/proc/nowhere"
    ended = await done(instance.told("http://127.0.0.1:1/x"))
    assert (ended.state, ended.message.startswith("Nothing was cloned")) == ("Failed", True)


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("Receiving objects:   0% (1/700)", 0),
        ("Receiving objects:  50% (350/700), 2.00 MiB | 1.00 MiB/s", 40),
        ("Resolving deltas: 100% (40/40), done.", 95),
        ("Updating files: 100% (9/9), done.", 100),
        ("remote: Receiving objects: 100% (1/1)", None),
        ("Counting objects: 100% (3/3), done.", None),
        ("fatal: Receiving objects: 100% (1/1)", None),
    ],
)
def test_progress_is_gits_own_and_covers_the_whole_clone(line: str, percent: int | None) -> None:
    assert percent_of(line, STEPS) == percent


CODE = {"url": "https://git.example.org/team/model.git", "username": "deploy", "secret": SECRET}


@pytest.mark.parametrize(
    ("request_", "is_told"),
    [
        ({"protocol": "https", "host": "git.example.org"}, True),
        ({"protocol": "https", "host": "GIT.example.org:443", "username": "deploy"}, True),
        ({"protocol": "http", "host": "git.example.org"}, False),
        ({"protocol": "https", "host": "git.example.org:8443"}, False),
        ({"protocol": "https", "host": "evil.example"}, False),
        ({"protocol": "https", "host": "git.example.org.evil.example"}, False),
        ({"protocol": "https", "host": "evil.example#git.example.org"}, False),
        ({"protocol": "https", "host": "git.example.org", "username": "me"}, False),
        ({}, False),
    ],
)
def test_the_helper_answers_for_its_scheme_host_and_user_alone(
    request_: dict[str, str], is_told: bool
) -> None:
    told = answer(CODE, request_)
    assert told == (f"username=deploy\npassword={SECRET}\n" if is_told else "")


def test_a_token_without_a_user_name_gets_one() -> None:
    told = answer({**CODE, "username": ""}, {"protocol": "https", "host": "git.example.org"})
    assert told.startswith("username=git\n")


def test_a_running_server_clones_and_tells_lab(
    server: GitServer, instance: Instance, start_server: Callable[..., Server], gate: Path
) -> None:
    url = server.repository("model", {"a": "1"})
    server.before_packing = wait_at(gate)
    code = CodeCheckout(url=url, directory="model")
    instance.file.write_text(code.model_dump_json())
    names = ("HOME", "DSW_CODE_FILE", "DSW_INSTANCE_ID")
    running = start_server(**{name: instance.environ[name] for name in names})
    told = running.client.get("dsw/api/code").json()
    assert (told["state"], told["percent"], told["message"]) == ("Cloning", None, "")
    gate.touch()
    told = eventually(
        lambda: (answer := running.client.get("dsw/api/code").json())["state"] == "Ready" and answer
    )
    assert told["message"] == f"The code is in {instance.home / 'model'}."
    assert (instance.home / "model/a").read_text() == "1"


def test_a_server_that_is_stopped_takes_the_clone_with_it(
    server: GitServer, instance: Instance, start_server: Callable[..., Server], gate: Path
) -> None:
    url = server.repository("model", {"a": "1"})
    server.before_packing = wait_at(gate)
    instance.file.write_text(CodeCheckout(url=url, directory="model").model_dump_json())
    names = ("HOME", "DSW_CODE_FILE", "DSW_INSTANCE_ID")
    running = start_server(**{name: instance.environ[name] for name in names})
    eventually(lambda: ".dsw-clone-dsw-aaaaaaaaaaaa" in instance.files())
    running.process.terminate()
    running.process.wait(20)
    assert not any(path.name.startswith(".dsw-clone") for path in instance.home.iterdir())
    assert not (instance.home / "model").exists()
