"""Whatever people and folders are called: OpenSSH reads what was meant, or is not asked."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsw.cli import ssh_options
from dsw.errors import Invalid
from dsw.instances import InstanceView
from dsw.sharing import Access
from dsw.workspaces import SshGateway

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrwRcsWcWtvWpkVGgnYMVx4XgX8vfIYzRHb8BXm2TNV"
TEXT = st.text(min_size=1, max_size=40) | st.text(
    "ab \"'\\$%#{}=,*?!~-@.+\n\t", min_size=1, max_size=12
)


def instance(owner: str, access: Access | None) -> InstanceView:
    return InstanceView.model_construct(
        id="dsw-aaaabbbbcccc", name="train", owner=owner, access=access, ssh=None
    )


def understood(text: str, host: str) -> dict[str, str]:
    """What OpenSSH's client makes of a host in this configuration."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        command = ["ssh", "-T", "-G", "-F", file.name, host]
        done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    lines = done.stdout.decode().split("\n")
    return dict(line.split(" ", 1) for line in lines if " " in line)


@settings(deadline=None, max_examples=60)
@given(TEXT)
def test_a_path_is_read_as_it_is_or_refused(name: str) -> None:
    try:
        path = Path("/home") / name.replace("\0", "") / "hosts"
        value = ssh_options.quoted(path)
    except Invalid:
        return
    found = understood(ssh_options.host_entry("x", {"UserKnownHostsFile": value}), "x")
    assert found["userknownhostsfile"] == str(path)


@settings(deadline=None, max_examples=60)
@given(TEXT)
def test_any_owner_has_hosts_of_their_own(owner: str) -> None:
    item = instance(owner, Access.FULL)
    name = ssh_options.alias(item)
    text = ssh_options.host_entry(name, ssh_options.by_proxy(item))
    assert understood(text, name)["hostkeyalias"] == item.id
    assert understood(text, "train.dsw")["host"] == "train.dsw"
    assert "hostkeyalias" not in understood(text, "train.dsw")


@settings(deadline=None, max_examples=60)
@given(TEXT)
def test_the_gateway_is_logged_in_to_as_oneself_or_not_at_all(user: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", folder)
        try:
            options = ssh_options.to_gateway(SshGateway(address="gw", host_key=KEY), user)
        except Invalid:
            return
    found = understood(ssh_options.host_entry("gw", options), "gw")
    assert found["user"] == user


def test_ordinary_names_are_not_refused() -> None:
    for user in ("alice", "a.b-c_d", "alice+test@example.com", "\u8d75"):
        assert ssh_options._USER_NAME.fullmatch(user)
    assert ssh_options.alias(instance("alice", None)) == "train.dsw"
    assert ssh_options.alias(instance("alice", Access.FULL)) == "train.alice.dsw"
