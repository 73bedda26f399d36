"""Where package managers keep what is installed, and what has changed of it.

Layers are not searched: the places are known ones, those that the image's environment names, and
those whose names were met in the container's own files.
"""

from __future__ import annotations

import itertools
import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from dsw.image_report import Manager, Package, PackageChange
from dsw_agent.merged import Folder, Layers

SITES = ("site-packages", "dist-packages")
CONDA = "conda-meta"
DPKG_STATUS = "var/lib/dpkg/status"

_KNOWN = (
    "usr/lib/python3*/*-packages",
    "usr/lib64/python3*/site-packages",
    "usr/local/lib/python3*/*-packages",
    "opt/*/lib/python3*/site-packages",
    "opt/*/envs/*/lib/python3*/site-packages",
    "root/.local/lib/python3*/site-packages",
    "home/*/.local/lib/python3*/site-packages",
    "opt/*/conda-meta",
    "opt/*/envs/*/conda-meta",
)
_OF_PREFIX = ("lib/python3*/site-packages", "conda-meta")
_PREFIX_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DIR")
_MOST_PLACES = 1000
_MOST_PACKAGES = 10_000
_METADATA_MAX = 1024**2
_STATUS_MAX = 16 * 1024**2

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:-]{0,199}\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!:~*-]{0,99}\Z")
_HEADER = re.compile(rb"^(Name|Version):[ \t]*(\S+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_STANZA = re.compile(rb"^(Package|Version|Status):[ \t]*(\S[^\n]*?)[ \t]*$", re.MULTILINE)


class Installed(NamedTuple):
    """A package that is there."""

    manager: Manager
    name: str
    version: str


def _prefixes(env: Iterable[str]) -> set[str]:
    prefixes = set()
    for line in env:
        name, _, value = line.partition("=")
        if name in _PREFIX_VARIABLES:
            prefixes.add(value)
        elif name == "PATH":
            prefixes |= {posixpath.dirname(path) for path in value.split(":")[:50]}
    plain = {posixpath.normpath(prefix).strip("/") for prefix in prefixes if prefix[:1] == "/"}
    return {prefix for prefix in plain if prefix and prefix.isprintable() and "*" not in prefix}


class Inventory:
    """What is installed in a stack of layers, and in what lies below its topmost `new` layers.

    `met` are paths of folders in the container's own files, `env` lines of the image's environment.
    """

    def __init__(
        self, roots: Sequence[int], new: int, met: Iterable[str], env: Iterable[str]
    ) -> None:
        self._all = Layers(roots)
        self._below = Layers(roots[new:]) if roots[new:] else None
        self._new = new
        self._where = self._places(met, env)

    def _places(self, met: Iterable[str], env: Iterable[str]) -> list[str]:
        """Folders where packages are or were listed."""
        ends = (f"{prefix}/{end}" for prefix in _prefixes(env) for end in _OF_PREFIX)
        patterns = [*_KNOWN, *ends]
        stacks = [self._all, self._below] if self._below else [self._all]
        known = {path for tree in stacks for each in patterns for path in tree.expand(each)}
        known |= {path for path in met if path.rpartition("/")[2] in (*SITES, CONDA)}
        return sorted(known)[:_MOST_PLACES]

    def both(self) -> tuple[list[Installed], list[Installed]]:
        """What is installed below, and what is installed in all."""
        before: set[Installed] = set()
        after: set[Installed] = set()
        for place in self._where:
            if len(after) + len(before) > 2 * _MOST_PACKAGES:
                break
            found, is_new = _listed(self._all, place, self._new)
            after |= found
            before |= found if not is_new else self._was_listed(place)
        status = self._all.read(DPKG_STATUS, _STATUS_MAX)
        was = self._below.read(DPKG_STATUS, _STATUS_MAX) if self._below else None
        after |= (debian := _set_of(_dpkg(status or b"")))
        before |= debian if was == status else _set_of(_dpkg(was or b""))
        return sorted(before)[:_MOST_PACKAGES], sorted(after)[:_MOST_PACKAGES]

    def _was_listed(self, place: str) -> set[Installed]:
        return _listed(self._below, place, 0)[0] if self._below else set()


def changes(before: Iterable[Installed], after: Iterable[Installed]) -> list[PackageChange]:
    """What was added, removed and changed, by manager and name; a name may have several versions,
    in environments of their own."""
    sides: dict[tuple[Manager, str], tuple[set[str], set[str]]]
    sides = defaultdict(lambda: (set(), set()))
    for side, packages in enumerate((before, after)):
        for package in packages:
            sides[package.manager, package.name][side].add(package.version)
    found = []
    for (manager, name), (was, now) in sorted(sides.items()):
        gone, new = sorted(was - now), sorted(now - was)
        for index in range(max(len(gone), len(new))):
            one, other = gone[index : index + 1], new[index : index + 1]
            found.append(
                PackageChange(
                    manager=manager,
                    name=name,
                    before=one[0] if one else None,
                    after=other[0] if other else None,
                )
            )
    return found


def shown(packages: Iterable[Installed]) -> list[Package]:
    """The packages as a report has them."""
    return [
        Package(manager=each.manager, name=each.name, version=each.version) for each in packages
    ]


def _listed(layers: Layers, place: str, new: int) -> tuple[set[Installed], bool]:
    """What a place lists, and whether one of the `new` topmost layers takes part in that."""
    with layers.folder(place) as folder:
        if folder is None:
            # Nothing there: perhaps because a new layer removed it.
            return set(), True
        if place.rpartition("/")[2] == CONDA:
            found = _conda(folder)
        else:
            found = _python(folder, _is_of_conda(layers, place))
        return _set_of(found), folder.topmost < new


def _set_of(packages: Iterable[Installed]) -> set[Installed]:
    return set(itertools.islice(packages, _MOST_PACKAGES))


def _is_of_conda(layers: Layers, site: str) -> bool:
    prefix = site.rpartition("/lib/")[0]
    with layers.folder(f"{prefix}/{CONDA}") as folder:
        return folder is not None


def _python(site: Folder, of_conda: bool) -> Iterator[Installed]:
    """The packages with a `*.dist-info` or `*.egg-info`, but for those that conda lists."""
    for name in site.names():
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        with site.folder(name) as folder:
            if folder is None:
                text = site.read(name, _METADATA_MAX)
            elif of_conda and (folder.read("INSTALLER", 100) or b"").strip() == b"conda":
                continue
            else:
                file = "METADATA" if name.endswith(".dist-info") else "PKG-INFO"
                text = folder.read(file, _METADATA_MAX)
        head = re.split(rb"\r?\n\r?\n", text or b"", maxsplit=1)[0]
        fields = {key.lower(): value for key, value in _HEADER.findall(head)}
        package = _package("pip", fields.get(b"name", b""), fields.get(b"version", b""))
        if package:
            yield package


def _conda(folder: Folder) -> Iterator[Installed]:
    """Conda names the file of a package `NAME-VERSION-BUILD.json`."""
    for name in folder.names():
        parts = name.removesuffix(".json").rsplit("-", 2)
        if name.endswith(".json") and len(parts) == 3:
            package = _package("conda", os.fsencode(parts[0]), os.fsencode(parts[1]))
            if package:
                yield package


def _dpkg(status: bytes) -> Iterator[Installed]:
    for stanza in status.split(b"\n\n"):
        fields = dict(_STANZA.findall(stanza))
        if fields.get(b"Status", b"").endswith(b" installed"):
            package = _package("apt", fields.get(b"Package", b""), fields.get(b"Version", b""))
            if package:
                yield package


def _package(manager: Manager, name: bytes, version: bytes) -> Installed | None:
    """None for what no manager would write."""
    text, number = name.decode("utf-8", "replace"), version.decode("utf-8", "replace")
    if not (_NAME.match(text) and _VERSION.match(number)):
        return None
    return Installed(manager, text, number)
