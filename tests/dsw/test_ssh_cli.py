"""`dsw ssh`, `ssh-config` and `ssh-keys` against a running control and OpenSSH's own client."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from tests.dsw.terminals import Terminal, running_control
from tests.polling import eventually
from tests.stub_hub import instance_token

from dsw.cli import ssh_options
from dsw.instances import InstanceView
from dsw.ssh import public_key

NUMBERS = count(1)
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrwRcsWcWtvWpkVGgnYMVx4XgX8vfIYzRHb8BXm2TNV"
GATEWAY = {"gateway_port": 2222, "gateway_address": "ssh.example.com:2222"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer of one's own, whose paths are not easy."""
    found = tmp_path / "a home's 100%"
    found.mkdir()
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return found


@pytest.fixture
def who(dsw: Terminal) -> Iterator[str]:
    """A member of a workspace, who has never been here; their instances are gone afterwards."""
    name = f"ada{next(NUMBERS)}"
    dsw.ok("workspaces", "create", f"team-{name}", "--owner", name)
    yield name
    with dsw.client(name) as api:
        for item in api.instances():
            api.delete_instance(item.id)


def instance(dsw: Terminal, who: str, name: str, *words: str) -> InstanceView:
    """One of theirs; stopped with `--no-start`."""
    words = ("--spec", "small", "-w", f"team-{who}", *words)
    return InstanceView.model_validate(dsw.json("instances", "create", name, *words, who=who))


def running(dsw: Terminal, who: str, name: str) -> InstanceView:
    """One of theirs, whose server has told its host key."""
    item = instance(dsw, who, name)
    tell(dsw, item)
    return item


def tell(dsw: Terminal, item: InstanceView) -> None:
    """What an instance's server does when it comes up."""
    answer = httpx.put(
        f"{dsw.url}/services/dsw/api/instances/{item.id}/ssh",
        headers=instance_token(item.owner, item.name),
        json={"user": "dsw", "host_key": HOST_KEY},
    )
    assert answer.is_success, answer.text


def resolved(dsw: Terminal, who: str, *words: str) -> dict[str, str]:
    """What OpenSSH's client makes of `dsw ssh`."""
    process = dsw.started("ssh", *words, "--", "-TG", who=who)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return options(out)


def options(text: str) -> dict[str, str]:
    """The lines of `ssh -G`."""
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


def asked(file: Path, host: str) -> dict[str, str]:
    """What OpenSSH's client makes of a host in a configuration file."""
    command = ["ssh", "-T", "-G", "-F", str(file), host]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return options(done.stdout)


def test_the_first_connection_makes_a_key_and_says_so(dsw: Terminal, who: str, home: Path) -> None:
    item = running(dsw, who, "train")
    process = dsw.started("ssh", "train", "--", "-TG", who=who)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err.startswith("Registered this computer's new SSH key as 'dsw on ")
    folder = home / ".config" / "dsw" / "ssh"
    assert stat.S_IMODE((folder / "id_ed25519").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [key] = dsw.json("ssh-keys", "list", who=who)
    assert key["fingerprint"] == public_key((folder / "id_ed25519.pub").read_text()).fingerprint
    assert (folder / "hosts" / item.id).read_text() == f"{item.id} {HOST_KEY}\n"
    again = dsw.started("ssh", "train", "--", "-TG", who=who)
    assert again.communicate(timeout=60) == (out, "")


def test_ssh_trusts_the_host_key_of_control_and_no_other(
    dsw: Terminal, who: str, home: Path
) -> None:
    item = running(dsw, who, "train")
    found = resolved(dsw, who, "train")
    folder = home / ".config" / "dsw" / "ssh"
    assert found["hostkeyalias"] == found["host"] == item.id
    assert found["user"] == "dsw"
    assert found["stricthostkeychecking"] == "true"
    assert found["globalknownhostsfile"] == "/dev/null"
    assert found["identitiesonly"] == "yes"
    assert found["identityfile"] == str(folder / "id_ed25519").replace("%", "%%")
    assert found["userknownhostsfile"] == str(folder / "hosts" / item.id)
    command = found["proxycommand"].replace("%%", "%")
    script = ["sh", "-c", f'printf "%s\\n" {command}']
    shown = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[-3:] == ["--known-hosts", str(folder / "hosts" / item.id), item.id]


def test_its_words_reach_ssh(dsw: Terminal, who: str) -> None:
    running(dsw, who, "train")
    words = ("ssh", "train", "--", "-TG", "-L", "8000:localhost:80", "ls", "-la")
    out, _ = dsw.started(*words, who=who).communicate(timeout=60)
    assert "localforward 8000 [localhost]:80" in out


def test_one_that_is_stopped_is_started_when_asked(dsw: Terminal, who: str) -> None:
    item = instance(dsw, who, "train", "--no-start")
    assert "train is Stopped. Start it too" in dsw.refused("ssh", "train", who=who)
    process = dsw.started("ssh", "--start", "train", "--", "-TG", who=who)
    with dsw.client(who) as api:
        assert eventually(lambda: api.instance(item.id).state == "Running", 30)
    tell(dsw, item)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert options(out)["hostkeyalias"] == item.id


def test_one_without_an_ssh_server_is_told(dsw: Terminal, who: str) -> None:
    instance(dsw, who, "train")
    assert "train has no SSH server." in dsw.refused("ssh", "train", who=who)


@pytest.mark.parametrize("name", ["../x", "-oProxyCommand=touch x", "nobody/x"])
def test_a_name_that_is_none_reaches_no_shell(dsw: Terminal, who: str, name: str) -> None:
    for words in (["ssh", "--", name], ["ssh-config", f"--instance={name}"]):
        assert "no instance" in dsw.refused(*words, who=who)
    result = dsw("ssh-proxy", "--", name, who=who)
    assert result.status == 1
    assert result.err.startswith("dsw: ")


def test_the_proxy_command_is_part_of_dsw(dsw: Terminal, who: str, tmp_path: Path) -> None:
    instance(dsw, who, "train", "--no-start")
    file = str(tmp_path / "hosts")
    result = dsw("ssh-proxy", "--known-hosts", file, "train", who=who)
    assert result.status == 1
    assert "no SSH key" in result.err
    dsw.ok("ssh-keys", "add", who=who)
    assert "is Stopped" in dsw("ssh-proxy", "train", who=who).err


def test_a_key_that_was_removed_is_not_brought_back_unasked(dsw: Terminal, who: str) -> None:
    running(dsw, who, "train")
    dsw.ok("ssh-keys", "add", who=who)
    [key] = dsw.json("ssh-keys", "list", who=who)
    dsw.ok("ssh-keys", "remove", key["title"], "--yes", who=who)
    said = dsw.refused("ssh", "train", who=who)
    assert "is not registered" in said
    assert "Run: dsw ssh-keys add" in said
    assert dsw("ssh-config", who=who, typed="n\n").status == 1
    assert dsw.json("ssh-keys", "list", who=who) == []
    dsw.ok("ssh-config", who=who, typed="y\n")
    assert len(dsw.json("ssh-keys", "list", who=who)) == 1


def test_keys_are_added_from_files_and_removed(dsw: Terminal, who: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "laptop", "-f", str(file)]
    subprocess.run(command, check=True)
    line = dsw.ok("ssh-keys", "add", f"{file}.pub", who=who)
    assert line.startswith("laptop is registered (SHA256:")
    assert "laptop" in dsw.ok("ssh-keys", "list", who=who)
    assert dsw.refused("ssh-keys", "add", f"{file}.pub", who=who)
    assert "private key" in dsw.refused("ssh-keys", "add", str(file), who=who)
    assert "cannot be read" in dsw.refused("ssh-keys", "add", str(tmp_path / "none"), who=who)
    assert "You have no key" in dsw.refused("ssh-keys", "remove", "other", "--yes", who=who)
    dsw.ok("ssh-keys", "remove", "laptop", who=who, typed="y\n")
    public = Path(f"{file}.pub").read_text()
    dsw.ok("ssh-keys", "add", "-", "--title", "piped", who=who, piped=public)
    [key] = dsw.json("ssh-keys", "list", who=who)
    assert key["title"] == "piped"
    dsw.ok("ssh-keys", "remove", key["fingerprint"], "--yes", who=who)
    assert "No keys" in dsw.ok("ssh-keys", "list", who=who)


def test_hosts_are_printed_for_all_that_one_may_enter(
    dsw: Terminal, who: str, tmp_path: Path
) -> None:
    running(dsw, who, "train")
    instance(dsw, who, "idle", "--no-start")
    other, team = f"b@{who}", f"team-{who}"
    dsw.ok("members", "set", other, "--role", "developer", "-w", team, who=who)
    words = ("--spec", "small", "-w", team)
    lent = InstanceView.model_validate(dsw.json("instances", "create", "lent", *words, who=other))
    tell(dsw, lent)
    dsw.ok("share", "lent", "--user", who, "--access", "full", who=other)
    dsw.ok("instances", "create", "seen", *words, who=other)
    dsw.ok("share", "seen", "--user", who, who=other)
    text = dsw.ok("ssh-config", who=who)
    hosts = [line.split()[1] for line in text.splitlines() if line.startswith("Host ")]
    assert sorted(hosts) == sorted(["train.dsw", "idle.dsw", f"lent.{ssh_options.slug(other)}.dsw"])
    file = tmp_path / "config"
    file.write_text(text)
    found = asked(file, hosts[-1])
    assert found["hostkeyalias"] == lent.id
    assert found["proxycommand"].endswith(f" {lent.id}")
    only = dsw.ok("ssh-config", "--instance", "idle", "--start", who=who)
    assert only.count("Host ") == 1
    assert "--start" in only


def test_the_configuration_is_written_and_included_once(
    dsw: Terminal, who: str, home: Path
) -> None:
    item = running(dsw, who, "train")
    ssh = home / ".ssh"
    for _ in range(2):
        assert dsw.ok("ssh-config", "--write", who=who) == ""
        assert (ssh / "config").read_bytes() == b"Include dsw_config\n"
    assert stat.S_IMODE(ssh.stat().st_mode) == 0o700
    assert {path.name for path in ssh.iterdir()} == {"config", "dsw_config"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in ssh.iterdir()} == {0o600}
    assert asked(ssh / "dsw_config", "train.dsw")["hostkeyalias"] == item.id


@pytest.mark.parametrize(
    "old",
    [
        b"Host a\n  User b",
        b"# caf\xe9\r\nHost *\r\n",
        b"Host dsw_config\n  Include dsw_config\n",
        b"#Include dsw_config\n",
    ],
)
def test_what_is_in_the_configuration_stays(
    dsw: Terminal, who: str, home: Path, old: bytes
) -> None:
    real = home / "dotfiles" / "config"
    real.parent.mkdir()
    real.write_bytes(old)
    real.chmod(0o644)
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").symlink_to(real)
    for _ in range(2):
        dsw.ok("ssh-config", "--write", who=who)
    assert real.read_bytes() == b"Include dsw_config\n\n" + old
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert (home / ".ssh" / "config").is_symlink()


@pytest.mark.parametrize(
    "line", ["include  dsw_config", "Include ~/.ssh/dsw_config", 'Include other "/x y/dsw_config"']
)
def test_one_who_includes_it_already_is_left_alone(
    dsw: Terminal, who: str, home: Path, line: str
) -> None:
    (home / ".ssh").mkdir()
    file = home / ".ssh" / "config"
    file.write_text(f"# mine\n{line}\nHost a\n")
    dsw.ok("ssh-config", "--write", who=who)
    assert file.read_text() == f"# mine\n{line}\nHost a\n"


def test_a_folder_that_cannot_be_written_is_a_sentence(dsw: Terminal, who: str, home: Path) -> None:
    (home / ".ssh").write_text("in the way")
    assert "cannot be written" in dsw.refused("ssh-config", "--write", who=who)


def test_without_a_gateway_none_is_offered(dsw: Terminal, who: str) -> None:
    assert "has no SSH gateway" in dsw.refused("ssh-config", "--gateway", who=who)


@pytest.fixture(scope="module")
def with_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where a control answers that has a gateway beside it, and its data."""
    folder = tmp_path_factory.mktemp("gateway")
    with running_control(folder, ssh=GATEWAY) as url:
        yield url, folder


def test_with_the_gateway_all_hosts_are_behind_it(
    with_gateway: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home: Path,
) -> None:
    url, data = with_gateway
    dsw, who = Terminal(url, monkeypatch, capsys), "gina"
    dsw.ok("workspaces", "create", f"team-{who}", "--owner", who)
    item = running(dsw, who, "train")
    instance(dsw, who, "idle", "--no-start")
    assert "has not come up yet" in dsw.refused("ssh-config", "--gateway", who=who)
    public = data / "secrets" / "gateway-host-key.pub"
    public.parent.mkdir(exist_ok=True)
    public.write_text(f"{HOST_KEY}\n")
    result = dsw("ssh-config", "--gateway", "--write", who=who)
    assert "idle is left out: it was not up yet." in result.err
    file = home / ".ssh" / "dsw_config"
    gateway = asked(file, "dsw-gateway")
    assert (gateway["hostname"], gateway["port"]) == ("ssh.example.com", "2222")
    assert (gateway["user"], gateway["hostkeyalias"]) == (who, "dsw-gateway")
    hosts = home / ".config" / "dsw" / "ssh" / "hosts"
    assert (hosts / "dsw-gateway").read_text() == f"dsw-gateway {HOST_KEY}\n"
    found = asked(file, "train.dsw")
    assert (found["hostname"], found["proxyjump"]) == (item.id, "dsw-gateway")
    assert (found["user"], found["hostkeyalias"]) == ("dsw", item.id)
    assert "proxycommand" not in found


def test_nothing_of_it_needs_a_home_of_its_own(dsw: Terminal, who: str, home: Path) -> None:
    os.environ["XDG_CONFIG_HOME"] = str(home / "elsewhere")
    try:
        dsw.ok("ssh-config", who=who)
    finally:
        del os.environ["XDG_CONFIG_HOME"]
    assert (home / "elsewhere" / "dsw" / "ssh" / "id_ed25519").exists()
    assert not (home / ".config").exists()
