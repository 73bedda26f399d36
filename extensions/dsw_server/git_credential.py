"""git's credential helper of an instance: tells the secret of its code source to that host alone.

`python -I -m dsw_server.git_credential get`, with git's request on the standard input. The secret
stays in a file that is there while the instance runs; git's configuration names this helper only.
Standard library only: git waits for it at every fetch.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

VARIABLE = "DSW_CODE_FILE"
FILE = "/run/dsw/code"
USERNAME = "git"
"""Where a token needs no user name; servers want one all the same, and ignore which."""

_PORTS = {"http": 80, "https": 443}


def code_file(environ: Mapping[str, str]) -> Path:
    """Where the workbench hands over what to clone; another place only without a container."""
    return Path(environ.get(VARIABLE) or FILE)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a credential is for."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def answer(code: Mapping[str, str], request: Mapping[str, str]) -> str:
    """What git reads: nothing when it asks for another scheme, host, port or user."""
    username, secret = code.get("username") or USERNAME, code.get("secret", "")
    asked = origin(f"{request.get('protocol', '')}://{request.get('host', '')}")
    if not secret or asked != origin(code["url"]):
        return ""
    if request.get("username", username) != username:
        return ""
    return f"username={username}\npassword={secret}\n"


def main(operation: str, file: Path, lines: list[str]) -> str:
    """The answer to one call; to store and to erase is not for git to do."""
    if operation != "get":
        return ""
    pairs = (line.rstrip("\n").partition("=") for line in lines)
    try:
        return answer(json.loads(file.read_bytes()), {name: value for name, _, value in pairs})
    except (OSError, ValueError, KeyError):
        # A clone from an earlier code source: git goes on without an answer.
        return ""


if __name__ == "__main__":
    sys.stdout.write(main("".join(sys.argv[1:2]), code_file(os.environ), list(sys.stdin)))
