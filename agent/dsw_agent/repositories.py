"""Where the git repositories of a working directory stand, read from their own files.

Git itself is not run, because a repository's settings can make it run programs; and no link is
followed: a repository is taken as it lies in the working directory, or not at all.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from dsw.image_report import Repository
from dsw.plan import HOME
from dsw_agent import inodes
from dsw_agent.upper_files import Read, reading

_MOST_FOLDERS = 2000
_MOST = 100
_SMALL = 4096
_CONFIG_MAX = 256 * 1024
_PACKED_MAX = 16 * 1024**2

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REF = re.compile(r"refs/(?!.*(?:\.\.|//|/\.))[^\x00-\x20\x7f~^:?*\[\\]{1,250}(?<!/)\Z")
_SECTION = re.compile(r"\[\s*remote\s+\"([^\"\n]{1,200})\"\s*\]\Z", re.IGNORECASE)
_URL = re.compile(r"url\s*=\s*\"?([^\"\s]{1,1000})\"?\s*\Z", re.IGNORECASE)
_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:[^\s:@][^\s@]*\Z", re.ASCII)


def repositories(home: str) -> list[Repository]:
    """The repositories in the folder `home` itself and in those directly below it.

    One without a commit is not among them. Nothing is raised for what cannot be read.
    """
    try:
        root = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        with reading(root) as read:
            found = (_repository(read, folder) for folder in _candidates(root))
            return [each for each in found if each][:_MOST]
    finally:
        os.close(root)


def _candidates(root: int) -> Iterator[str]:
    yield ""
    try:
        names = sorted(os.listdir(root))[:_MOST_FOLDERS]
    except OSError:
        return
    for name in names:
        try:
            folder = inodes.open_directory(name, root)
        except OSError:
            continue
        try:
            os.stat(".git", dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        finally:
            os.close(folder)
        yield name


def _repository(read: Read, folder: str) -> Repository | None:
    own = _git_folder(read, folder)
    head = _line(read, f"{own}/HEAD") if own is not None else ""
    if own is None or not head:
        return None
    common = _resolved(own, _line(read, f"{own}/commondir")) or own
    branch = ""
    if head.startswith("ref:"):
        ref = head[4:].strip()
        branch = ref.removeprefix("refs/heads/")
        head = _commit_of(read, ref, (own, common))
    if not _COMMIT.match(head):
        return None
    return Repository(
        path=folder.encode("utf-8", "surrogateescape").decode("utf-8", "replace") or ".",
        commit=head,
        branch=branch.encode("utf-8", "replace").decode(),
        remote=_remote(read, f"{common}/config"),
    )


def _git_folder(read: Read, folder: str) -> str | None:
    """Where HEAD is: `.git`, or the folder that a file of this name tells (of a work tree or a
    submodule)."""
    path = f"{folder}/.git" if folder else ".git"
    told = _line(read, path)
    return _resolved(folder, told[7:].strip()) if told.startswith("gitdir:") else path


def _resolved(folder: str, path: str) -> str | None:
    """A path, absolute in the instance or relative to a folder, as one below the home; None when
    it leads out of it or is empty."""
    full = posixpath.normpath(posixpath.join(HOME, folder, path))
    return full.removeprefix(f"{HOME}/") if path and full.startswith(f"{HOME}/") else None


def _commit_of(read: Read, ref: str, folders: tuple[str, str]) -> str:
    if not _REF.match(ref):
        return ""
    for folder in folders:
        if _COMMIT.match(commit := _line(read, f"{folder}/{ref}")):
            return commit
    packed = read(f"{folders[1]}/packed-refs", _PACKED_MAX) or b""
    wanted = re.escape(ref.encode("utf-8", "surrogateescape"))
    found = re.search(rb"^([0-9a-f]{40,64}) " + wanted + rb"\r?$", packed, re.MULTILINE)
    return found[1].decode() if found else ""


def _remote(read: Read, path: str) -> str:
    """The address of `origin`, else of the first remote."""
    remotes: dict[str, str] = {}
    section = ""
    for line in (read(path, _CONFIG_MAX) or b"").decode("utf-8", "replace").splitlines():
        text = line.strip()[:2000]
        if text.startswith("["):
            named = _SECTION.match(text)
            section = named[1] if named else ""
        elif section and (url := _URL.match(text)):
            remotes.setdefault(section, url[1])
    return without_credentials(remotes.get("origin") or next(iter(remotes.values()), ""))


def without_credentials(url: str) -> str:
    """A repository's address without anything that could be one; empty when it is of no known
    form."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme in ("http", "https", "ssh", "git") and host:
        shown = f"[{host}]" if ":" in host else host
        user = "git@" if parts.scheme == "ssh" and parts.username == "git" else ""
        return f"{parts.scheme}://{user}{shown}{f':{port}' if port else ''}{parts.path}"
    if "//" not in url and _SCP.match(url):
        return url
    return ""


def _line(read: Read, path: str) -> str:
    """The first line of a small file; empty when there is none."""
    text = (read(path, _SMALL) or b"").decode("utf-8", "surrogateescape")
    return text.partition("\n")[0].strip()
