"""How sshd runs in an instance: as the server's own user, for one connection, without a port.

Its configuration is made for each session and is gone once somebody is logged in: it holds what
the environment holds, as an instance's terminals have it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import tempfile
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsw_server.ssh_host_key import NAME, HostKey, host_key, write_private

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where sshd is; a user's PATH does not lead there."""

LOGIN_SECONDS = 30

OPTIONS = f"""
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
UsePAM no
StrictModes no
LoginGraceTime {LOGIN_SECONDS}
MaxAuthTries 20
MaxSessions 100
ClientAliveInterval 60
ClientAliveCountMax 10
UseDNS no
PidFile none
LogLevel INFO
PrintMotd no
PrintLastLog no
X11Forwarding no
PermitTunnel no
AllowAgentForwarding yes
AllowTcpForwarding yes
AllowStreamLocalForwarding yes
StreamLocalBindUnlink yes
GatewayPorts no
PermitUserEnvironment no
PermitUserRC no
AcceptEnv LANG LC_* COLORTERM NO_COLOR GIT_PROTOCOL
"""
"""The same for every session. A client's agent may hold many keys, and one connection carries many
channels (VS Code, ControlMaster); who does not answer for ten minutes is gone. No user's files but
the keys that control named decide anything: others may write in a home that is shared."""

OF_THE_SESSION = frozenset(
    {
        *("USER", "LOGNAME", "SHELL", "MAIL", "TERM", "PWD", "OLDPWD", "SHLVL", "_", "DISPLAY"),
        *("SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AUTH_SOCK", "SSH_ORIGINAL_COMMAND"),
    }
)
"""Variables that sshd and the shell set themselves."""

_LINE = re.compile(r"[^\r\n\0]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class Started:
    """A running sshd, the end of its connection that is ours, and its folder."""

    process: Process
    connection: socket.socket
    folder: Path


class Daemon:
    """The sshd of this instance. Where a method touches files it blocks, unless it is async."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._host_key: HostKey | None = None

    @property
    def user(self) -> str:
        """Whom to log in as; empty where the server's user has no name."""
        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return ""

    def is_there(self) -> bool:
        """Whether this image has what SSH needs."""
        return bool(self._program("sshd") and self._program("ssh-keygen") and self.user)

    def public_key(self) -> str:
        """The host's, as a line; made at the first call ever. `OSError` or
        `subprocess.SubprocessError` when it cannot be made or kept."""
        return self._key().public

    async def start(self, folder: Path) -> Started:
        """sshd at work on one connection, with a folder that `lay_out` has made."""
        ours, its = socket.socketpair()
        with its:
            try:
                process = await create_subprocess_exec(
                    *(self._program("sshd"), "-i", "-e", "-f", str(folder / "sshd_config")),
                    stdin=its.fileno(),
                    stdout=its.fileno(),
                    stderr=PIPE,
                    # What it needs itself; its sessions have their environment by `SetEnv`.
                    env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                shutil.rmtree(folder, ignore_errors=True)
                raise
        ours.setblocking(False)
        return Started(process, ours, folder)

    def lay_out(self, keys: Sequence[str]) -> Path:
        """A private folder with all that one session's sshd reads; it accepts these keys."""
        key = self._key()
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        for parent in private_places(self._environ):
            try:
                with _private_folder(parent) as folder:
                    write_private(folder / NAME, key.private)
                    write_private(folder / "keys", "".join(f"{k}\n" for k in keys).encode())
                    text = configuration(self.user, folder, self._environ)
                    write_private(folder / "sshd_config", text.encode("utf-8", "surrogateescape"))
                    return folder
            except OSError as error:
                failure = error
        raise failure

    def _key(self) -> HostKey:
        if self._host_key is None:
            home = Path(self._environ.get("HOME") or "/")
            kept = home / ".dsw" / "ssh" / self._environ.get("DSW_INSTANCE_ID", "")
            with tempfile.TemporaryDirectory(prefix="dsw-ssh-") as aside:
                self._host_key = host_key(kept, Path(aside), self._program("ssh-keygen"))
        return self._host_key

    def _program(self, name: str) -> str:
        return shutil.which(name, path=f"{self._environ.get('PATH', '')}:{SBIN}") or ""


def private_places(environ: Mapping[str, str]) -> list[str]:
    """Where a session's folder may be, best first: in memory rather than on a disk."""
    places = [environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm", tempfile.gettempdir()]  # noqa: S108
    return [place for place in places if os.path.isabs(place)]


@contextmanager
def _private_folder(parent: str) -> Iterator[Path]:
    """A new one of mode 0700, which stays unless the block fails."""
    folder = Path(tempfile.mkdtemp(prefix="dsw-ssh-", dir=parent))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def configuration(user: str, folder: Path, environ: Mapping[str, str]) -> str:
    """The text of sshd's configuration for this user, whose keys are in the folder."""
    root = "prohibit-password" if os.geteuid() == 0 else "no"
    return "\n".join(
        [
            f"HostKey {_quoted(str(folder / NAME))}",
            f"AuthorizedKeysFile {_quoted(str(folder / 'keys').replace('%', '%%'))}",
            f"AllowUsers {user}",
            f"PermitRootLogin {root}",
            f"Subsystem sftp internal-sftp{_start_in(environ.get('HOME', ''))}",
            f"SetEnv {' '.join(variables(environ))}",
            OPTIONS.strip(),
            "",
        ]
    )


def variables(environ: Mapping[str, str]) -> list[str]:
    """Words for `SetEnv`: what a terminal of this server has. A value of several lines cannot be
    written there, and is left out."""
    return [
        _quoted(f"{name}={value}")
        for name, value in sorted(environ.items())
        if name not in OF_THE_SESSION
        and _NAME.fullmatch(name)
        and not re.search(r"[\r\n\0]", value)
    ]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _start_in(home: str) -> str:
    """For sftp, where the server's home is not the one of its user (the `process` engine)."""
    same = home == pwd.getpwuid(os.geteuid()).pw_dir
    return "" if same or not re.fullmatch(r"/[\w./-]+", home) else f" -d {home}"
