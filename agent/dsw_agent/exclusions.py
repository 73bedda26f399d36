"""What never becomes part of an image: run-time files, mounted data, credentials.

Rules look at one path at a time, from the top down: what is below a path that is left out is never
asked about.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterable
from enum import Enum

RUNTIME = (
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    ".dockerenv",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
)
"""Of the running container and not of its image."""

SECRETS = (
    ".ssh",
    ".dsw/ssh",
    ".aws",
    ".aliyun",
    ".azure",
    ".kube",
    ".config/gcloud",
    ".config/gh",
    ".docker/config.json",
    ".netrc",
    ".pypirc",
    ".git-credentials",
    ".config/git/credentials",
    ".cache/huggingface/token",
    ".cache/huggingface/stored_tokens",
    ".local/share/jupyter/runtime",
    ".bash_history",
    ".zsh_history",
    ".sh_history",
    ".ash_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".node_repl_history",
    ".psql_history",
    ".mysql_history",
    ".sqlite_history",
    ".rediscli_history",
    ".lesshst",
    ".viminfo",
    ".wget-hsts",
    ".ipython/profile_*/history.sqlite*",
)
"""Credentials and histories, in any folder: a home can be anywhere."""

_ONE_OF = "|".join(re.escape(secret).replace(r"\*", "[^/]*") for secret in SECRETS)
_SECRET = re.compile(rf".*/(?:{_ONE_OF})\Z", re.DOTALL)


class Verdict(Enum):
    """What becomes of a path. A deletion is kept under SECRET and left out under the others."""

    KEEP = ""
    RUNTIME = "belongs to the running container"
    SECRET = "may hold secrets"  # noqa: S105
    ASKED = "excluded by request"


class Exclusions:
    """The built-in rules plus mount points (absolute paths) and glob patterns.

    A pattern with a leading slash is compared with the whole path, any other with its end; `*`
    also matches slashes.
    """

    def __init__(self, mounts: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        points = (posixpath.normpath(mount).lstrip("/") for mount in mounts)
        self._runtime = frozenset(RUNTIME) | frozenset(points)
        whole = (pattern if pattern.startswith("/") else f"*/{pattern}" for pattern in patterns)
        asked = "|".join(fnmatch.translate(pattern) for pattern in whole)
        self._asked = re.compile(asked or r"(?!)")

    def verdict(self, path: str) -> Verdict:
        """The verdict on a path relative to the root."""
        absolute = f"/{path}"
        if path in self._runtime:
            return Verdict.RUNTIME
        if self._asked.match(absolute):
            return Verdict.ASKED
        if _SECRET.match(absolute):
            return Verdict.SECRET
        return Verdict.KEEP
