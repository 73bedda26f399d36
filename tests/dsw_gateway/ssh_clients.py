"""The OpenSSH client as people call it, with nothing of this machine's own configuration."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tests.dsw_gateway.worlds import INNER_USER, World

from dsw_gateway.host_key import host_key

OPTIONS = (
    "-oStrictHostKeyChecking=yes",
    "-oIdentitiesOnly=yes",
    "-oConnectTimeout=20",
)


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    code: int
    out: str
    err: str


class Client:
    """Somebody at a machine of their own, with a key or with a token to type in."""

    def __init__(self, world: World, user: str, key: Path | None = None, token: str = "") -> None:
        self.world = world
        self.user = user
        known = world.folder / "known_hosts"
        keys = [host_key(world.settings.data).export_public_key().decode().strip()]
        keys.append((world.folder / "host.pub").read_text().strip())
        patterns = [f"[127.0.0.1]:{world.port}", "*"]
        known.write_text("".join(f"{a} {b}\n" for a, b in zip(patterns, keys, strict=True)))
        options = [*OPTIONS, f"-oUserKnownHostsFile={known}"]
        options += [f"-oIdentityFile={key}"] if key else ["-oPubkeyAuthentication=no"]
        options += [] if token else ["-oBatchMode=yes"]
        # The jump host takes its options from a file only.
        self.config = world.folder / f"config-{user}-{'key' if key else 'token'}"
        lines = [option.removeprefix("-o").replace("=", " ", 1) for option in options]
        self.config.write_text("\n".join(lines) + "\n")
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(world.folder)}
        if token:
            self._answer_with(token)

    def _answer_with(self, token: str) -> None:
        program = self.world.folder / f"askpass-{self.user}"
        program.write_text(f"#!/bin/sh\necho '{token}'\n")
        program.chmod(stat.S_IRWXU)
        self.environ |= {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}

    @property
    def jump(self) -> list[str]:
        """The options that lead through the gateway."""
        return ["-J", f"{self.user}@127.0.0.1:{self.world.port}"]

    async def run(
        self, *arguments: str | Path, program: str = "ssh", stdin: bytes | None = None
    ) -> Done:
        """Call a program of OpenSSH and wait for its end."""
        process = await self.start(*arguments, program=program)
        out, err = await asyncio.wait_for(process.communicate(stdin), 60)
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def start(
        self, *arguments: str | Path, program: str = "ssh"
    ) -> asyncio.subprocess.Process:
        """Call it and do not wait."""
        return await asyncio.create_subprocess_exec(
            program, "-F", self.config, *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environ,
        )  # fmt: skip

    async def enter(self, host: str, *command: str, stdin: bytes | None = None) -> Done:
        """Run a command in an instance through the gateway."""
        return await self.run(*self.jump, f"{INNER_USER}@{host}", *command, stdin=stdin)

    async def visit(self, *arguments: str) -> Done:
        """A session at the gateway itself."""
        here = ["-T", "-p", str(self.world.port), f"{self.user}@127.0.0.1"]
        return await self.run(*here, *arguments, stdin=b"")
