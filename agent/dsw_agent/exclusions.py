"""What never becomes part of an image: run-time files, mounted data, credentials, caches.

Rules look at one path at a time, from the top down: what is below a path that is left out is never
asked about.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

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

CACHES = (
    ".cache/pip",
    ".cache/uv",
    ".cache/yarn",
    ".npm/_cacache",
    ".local/share/Trash",
    "pkgs/*.conda",
    "pkgs/*.tar.bz2",
    "pkgs/cache",
    "/var/cache/apt/*.bin",
    "/var/cache/apt/archives/*.deb",
    "/var/lib/apt/lists/*",
)
"""What package managers downloaded and get again when they need it. Not here: compiled Python,
without which a first start takes several times as long, and models, which take hours to get."""


class Verdict(Enum):
    """What becomes of a path. A deletion is left out under RUNTIME and ASKED, else kept."""

    KEEP = ""
    RUNTIME = "belongs to the running container"
    SECRET = "may hold secrets"  # noqa: S105
    CACHE = "a cache"
    ASKED = "excluded by request"


class Exclusions:
    """The built-in rules plus mount points (absolute paths) and glob patterns.

    A pattern with a leading slash is compared with the whole path, any other with its end; `*`
    also matches slashes.
    """

    def __init__(self, mounts: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        points = (posixpath.normpath(mount).lstrip("/") for mount in mounts)
        self._runtime = frozenset(RUNTIME) | frozenset(points)
        self._asked = _Globs(patterns)

    def verdict(self, path: str) -> Verdict:
        """The verdict on a path relative to the root."""
        folder, _, name = path.rpartition("/")
        if path in self._runtime:
            return Verdict.RUNTIME
        if self._asked and self._asked.match(f"/{path}", name):
            return Verdict.ASKED
        if name in _ANYWHERE:
            return Verdict.SECRET
        for rule in _rules_below(folder):
            if rule.name.match(name):
                return rule.verdict
        return Verdict.KEEP


@dataclass(frozen=True, slots=True)
class _Rule:
    """What some names in some folders are; here `*` stands for anything but slashes."""

    folder: re.Pattern[str]
    name: re.Pattern[str]
    verdict: Verdict


def _built_in() -> list[_Rule]:
    rules = []
    for verdict, texts in ((Verdict.SECRET, SECRETS), (Verdict.CACHE, CACHES)):
        for text in texts:
            folder, slash, name = text.rpartition("/")
            if slash:
                rules.append(_Rule(_regex(_any_depth(folder)), _regex(_parts(name)), verdict))
    return rules


def _any_depth(folder: str) -> str:
    return _parts(folder) if folder.startswith("/") else f"(?:.*/)?{_parts(folder)}"


def _parts(text: str) -> str:
    return re.escape(text.lstrip("/")).replace(r"\*", "[^/]*")


def _regex(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{text})\Z", re.DOTALL)


_ANYWHERE = frozenset(secret for secret in SECRETS if "/" not in secret)
_RULES = _built_in()
_SOME_RULE = re.compile("|".join(f"(?:{rule.folder.pattern})" for rule in _RULES), re.DOTALL)


@lru_cache(maxsize=1024)
def _rules_below(folder: str) -> tuple[_Rule, ...]:
    """The rules for names in a folder: asked for each of them, and mostly there is none."""
    if not _SOME_RULE.match(folder):
        return ()
    return tuple(rule for rule in _RULES if rule.folder.match(folder))


class _Globs:
    """Patterns of people: nothing in them makes a comparison take longer than its length."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._by_name: dict[str, list[str]] = defaultdict(list)
        endings, others = [], []
        for pattern in {re.sub(r"\*+", "*", pattern) for pattern in patterns}:
            if not _is_glob(pattern):
                self._add_literal(pattern)
            elif pattern[0] == "*" and pattern[1:2] != "/" and not _is_glob(pattern[1:]):
                endings.append(pattern[1:])
            else:
                others.append(pattern if pattern.startswith("/") else f"*/{pattern}")
        self._endings = tuple(endings)
        self._others = re.compile("|".join(map(fnmatch.translate, others)) or "(?!)")
        self._any = bool(self._whole or self._by_name or endings or others)

    def _add_literal(self, pattern: str) -> None:
        if pattern.startswith("/"):
            self._whole.add(pattern)
        else:
            self._by_name[pattern.rpartition("/")[2]].append(f"/{pattern}")

    def __bool__(self) -> bool:
        return self._any

    def match(self, absolute: str, name: str) -> bool:
        """Whether a pattern matches this path, whose last part is `name`."""
        if absolute in self._whole or absolute.endswith(self._endings):
            return True
        if name in self._by_name and any(map(absolute.endswith, self._by_name[name])):
            return True
        return self._others.match(absolute) is not None


def _is_glob(text: str) -> bool:
    return any(character in text for character in "*?[")
