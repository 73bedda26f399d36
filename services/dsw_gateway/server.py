"""The SSH server that strangers speak to: who is let in, and the only two things they may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial

import asyncssh
import structlog

from dsw.errors import DswError, Unavailable
from dsw.settings import Settings
from dsw.ssh import PublicKey
from dsw_gateway.control import ControlCalls, Login
from dsw_gateway.crowd import Crowd
from dsw_gateway.destination import instance_of
from dsw_gateway.entering import Entrance
from dsw_gateway.greeting import Greeting
from dsw_gateway.tunnel import PACKET, WINDOW, Tunnel

log = structlog.get_logger()

KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
)
"""The quick ones: a stranger should not cost much."""
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""The quickest. Others cannot stand beside them: OpenSSH would take one of those."""
KEEPALIVE_SECONDS = 30
SESSIONS_MAX = 10
NO_FORWARDS = "This gateway leads to instances only; forward inside the connection to one."

Connection = asyncssh.SSHServerConnection


@dataclass(frozen=True)
class Gateway:
    """What all connections of one gateway share."""

    settings: Settings
    control: ControlCalls
    entrance: Entrance
    crowd: Crowd[Connection]


class Visit(asyncssh.SSHServer):
    """One connection, from its first byte to its last."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._crowd = gateway.crowd
        self._proved: Login | None = None
        self._login: Login | None = None
        self._failures = 0
        self._sessions = 0
        self._opening: set[asyncio.Task[object]] = set()

    def connection_made(self, conn: Connection) -> None:
        """Somebody came; who is too much leaves."""
        self._conn = conn
        self._from = str(conn.get_extra_info("peername", ("",))[0])
        if (leaving := self._crowd.come(conn, self._from)) is not None:
            leaving.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """They left."""
        self._crowd.leave(self._conn)
        for task in self._opening:
            task.cancel()
        who = self._login.username if self._login else None
        if self._login or self._failures:
            log.info("connection ended", address=self._from, user=who, failures=self._failures)

    def begin_auth(self, username: str) -> bool:
        """Everybody has to prove who they are."""
        return True

    def public_key_auth_supported(self) -> bool:
        """By a key that is registered in control."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is one of the user's; asyncssh checks the signature."""
        line = PublicKey(key.get_algorithm(), key.public_data).line
        return await self._prove(self._gateway.control.key_login(username, line))

    def password_auth_supported(self) -> bool:
        """By a hub token."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Whether it is a token of this user."""
        return await self._prove(self._gateway.control.token_login(username, password))

    def kbdint_auth_supported(self) -> bool:
        """By a hub token that is asked for."""
        return True

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        """One question."""
        return "", "", "", [("Hub token: ", False)]

    async def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        """Its answer."""
        token = responses[0] if len(responses) == 1 else ""
        return await self._prove(self._gateway.control.token_login(username, token))

    async def _prove(self, asking: Awaitable[Login | None]) -> bool:
        try:
            self._proved = await asking
        except DswError as error:
            code = asyncssh.DISC_SERVICE_NOT_AVAILABLE
            raise asyncssh.DisconnectError(code, error.sentence) from error
        if self._proved is not None:
            return True
        self._failures += 1
        if self._failures >= self._crowd.limits.failed_logins:
            code = asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE
            raise asyncssh.DisconnectError(code, "Too many failed logins.")
        return False

    def auth_completed(self) -> None:
        """They are who they say, unless the name changed between the proof and now."""
        login, username = self._proved, self._conn.get_extra_info("username")
        if login is None or login.username != username:
            raise asyncssh.PermissionDenied("The login is not that of the user.")
        if not self._crowd.welcome(self._conn, login.username):
            raise asyncssh.DisconnectError(
                asyncssh.DISC_TOO_MANY_CONNECTIONS, "There are too many connections."
            )
        self._login = login
        log.info("login", address=self._from, user=username, road=login.road)

    def session_requested(self) -> Greeting:
        """A session shows the instances."""
        self._sessions += 1
        if self._sessions > SESSIONS_MAX:
            raise _prohibited("One connection has a few sessions only.")
        own = str(self._conn.get_extra_info("sockname", ("",))[0])
        return Greeting(self._who(), self._gateway.settings.gateway_address(own))

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> tuple[asyncssh.SSHTCPChannel[bytes], Awaitable[Tunnel]]:
        """The way to an instance, and to nothing else."""
        login = self._who()
        try:
            instance = instance_of(dest_host, dest_port)
        except DswError as error:
            log.info("forward refused", user=login.username, host=dest_host[:300], port=dest_port)
            raise _prohibited(error.sentence) from error
        if not self._crowd.open_channel(login.username):
            raise _prohibited("You have too many open connections.")
        return self._conn.create_tcp_channel(window=WINDOW, max_pktsize=PACKET), self._open(
            login, instance
        )

    async def _open(self, login: Login, instance: str) -> Tunnel:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._opening.add(task)
        ended = partial(self._crowd.close_channel, login.username)
        try:
            websocket = await self._gateway.entrance.enter(login, instance)
        except DswError as error:
            ended()
            log.info("entry refused", user=login.username, instance=instance, why=error.code)
            raise _prohibited(error.sentence) from error
        except BaseException:
            ended()
            raise
        finally:
            self._opening.discard(task)
        log.info("entry", user=login.username, instance=instance, road=login.road)
        return Tunnel(websocket, ended)

    def unix_connection_requested(self, dest_path: str) -> bool:
        """No sockets of the gateway's machine."""
        raise _prohibited(NO_FORWARDS)

    def tun_requested(self, unit: int | None) -> bool:
        """No network of the gateway's machine."""
        raise _prohibited(NO_FORWARDS)

    def tap_requested(self, unit: int | None) -> bool:
        """No network of the gateway's machine."""
        raise _prohibited(NO_FORWARDS)

    def _who(self) -> Login:
        if self._login is None:
            raise _prohibited("You are not logged in.")
        return self._login


def _prohibited(sentence: str) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, sentence)


async def listen(gateway: Gateway, key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
    """Take connections; `Unavailable` when the port is taken."""
    ssh = gateway.settings.ssh
    host = ssh.gateway_host or gateway.settings.hub.host
    try:
        return await asyncssh.listen(
            host,
            ssh.gateway_port,
            server_factory=partial(Visit, gateway),
            server_host_keys=[key],
            server_version="dsw-gateway",
            config=[],
            backlog=1024,
            kex_algs=KEY_EXCHANGES,
            encryption_algs=CIPHERS,
            compression_algs=None,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_scp=False,
            gss_host=None,
            line_editor=False,
            login_timeout=gateway.crowd.limits.login_seconds,
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=3,
        )
    except OSError as error:
        raise Unavailable(f"Port {ssh.gateway_port} of {host}: {error.strerror}.") from error
