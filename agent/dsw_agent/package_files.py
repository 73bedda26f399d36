"""Which of a container's files package managers say that they have put there."""

from __future__ import annotations

import csv
import json
import posixpath
from collections.abc import Callable, Collection, Iterator

from dsw_agent.packages import CONDA, SITES
from dsw_agent.upper_files import Read

_LIST_MAX = 16 * 1024**2
_ALL_LISTS_MAX = 64 * 1024**2
_DPKG_LISTS = "var/lib/dpkg/info/"
_MERGED_INTO_USR = ("bin/", "sbin/", "lib/", "lib32/", "lib64/")

_Reader = Callable[[str, str], Iterator[str]]


def of_packages(read: Read, paths: Collection[str]) -> set[str]:
    """The files that packages brought, as far as the lists of these are among the `paths`.

    Settings below `/etc` are nobody's, as people change them, and a package of an environment has
    no files outside of that.
    """
    every, found = set(paths), set[str]()
    left = _ALL_LISTS_MAX
    for path in paths:
        reader = _reader_of(path)
        text = read(path, min(_LIST_MAX, left)) if reader else None
        if reader and text:
            left -= len(text)
            found |= every.intersection(reader(path, text.decode("utf-8", "surrogateescape")))
    return found


def _reader_of(path: str) -> _Reader | None:
    if path.endswith("/RECORD"):
        return _recorded if path.endswith(".dist-info/RECORD") else None
    if path.endswith(".json"):
        return _of_conda if posixpath.dirname(path).endswith(CONDA) else None
    if path.endswith(".list"):
        return _of_dpkg if path.startswith(_DPKG_LISTS) else None
    return None


def _recorded(path: str, text: str) -> Iterator[str]:
    """Of a wheel's RECORD, whose paths are relative to the folder that its own folder is in."""
    site = path.rsplit("/", 2)[0]
    # PREFIX/lib/pythonX.Y/site-packages
    environment = site.rsplit("/", 3)[0] if site.endswith(SITES) and site.count("/") > 2 else site
    for line in text.splitlines():
        name = next(iter(next(csv.reader([line]), [])), "") if line[:1] == '"' else ""
        full = f"{site}/{name or line.partition(',')[0]}"
        if ".." in full:
            full = posixpath.normpath(full)
        if full.startswith(f"{environment}/"):
            yield full


def _of_conda(path: str, text: str) -> Iterator[str]:
    prefix = posixpath.dirname(posixpath.dirname(path))
    try:
        names = json.loads(text)["files"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and ".." not in name:
            yield f"{prefix}/{name}"


def _of_dpkg(_: str, text: str) -> Iterator[str]:
    for line in text.splitlines():
        path = line.lstrip("/")
        if path.startswith(_MERGED_INTO_USR):
            yield f"usr/{path}"
        if not path.startswith("etc/"):
            yield path
