"""Where data lies: the URIs of datasets, what each part of one may be, and paths below one."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from dsw.base import Model
from dsw.errors import Invalid

URI_MAX = 1000
PATH_MAX = 1000
PART_MAX = 255
"""Bytes of one name of a path, as file systems have it."""

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61}[a-z0-9])")
_CLAIM = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")


class LocationKind(StrEnum):
    """What a dataset's data is in; the value is the URI's scheme (git: behind `git+`)."""

    FILE = "file"
    NAS = "nas"
    S3 = "s3"
    OSS = "oss"
    PVC = "pvc"
    GIT = "git"


OBJECT_STORES = frozenset({LocationKind.S3, LocationKind.OSS})


class Location(Model):
    """A URI taken apart. `authority` is the server, the bucket or the claim, `path` is relative and
    clean; of a repository `url` is the address to clone and `ref` a branch, tag or commit."""

    kind: LocationKind
    authority: str = ""
    path: str = ""
    url: str = ""
    ref: str = ""


def parse_location(uri: str) -> Location:
    """The parts of a dataset's URI; `Invalid` says what a URI of its kind looks like."""
    if len(uri) > URI_MAX:
        raise Invalid("The URI is too long.", f"At most {URI_MAX} characters.")
    scheme, mark, rest = uri.partition("://")
    if not mark:
        raise _not_a_uri(uri)
    if scheme in ("git+https", "git+http"):
        return _repository(uri)
    try:
        kind = LocationKind(scheme)
    except ValueError:
        kind = LocationKind.GIT
    if kind is LocationKind.GIT:
        raise _not_a_uri(uri)
    authority, _, path = rest.partition("/")
    _check_authority(kind, authority, uri)
    return Location(kind=kind, authority=authority, path=clean_path(path))


def clean_path(path: str) -> str:
    """A path below a dataset: relative, without a slash at its ends; empty is the dataset itself.

    `Invalid` for anything that leads elsewhere or could be read in two ways.
    """
    path = path.rstrip("/")
    if not path:
        return ""
    parts = path.split("/")
    if len(path) > PATH_MAX or any(not _is_name(part) for part in parts):
        raise Invalid(
            f"The path {path[:80]!r} cannot be used.",
            "A path is relative, as in images/train; no part of it is empty, '.', '..', longer "
            f"than {PART_MAX} bytes, or has control characters, backslashes or percent escapes.",
        )
    return path


def is_below(path: str, folder: str) -> bool:
    """Whether a clean absolute path is the folder or in it; `/data-secret` is not below `/data`."""
    return PurePosixPath(path).is_relative_to(folder)


def _is_name(part: str) -> bool:
    return (
        part not in ("", ".", "..")
        and len(part.encode("utf-8", "surrogatepass")) <= PART_MAX
        and not re.search(r"[\\%]", part)
        and not any(unicodedata.category(one) in ("Cc", "Cs") for one in part)
    )


def _check_authority(kind: LocationKind, authority: str, uri: str) -> None:
    pattern = {
        LocationKind.NAS: _HOST,
        LocationKind.S3: _BUCKET,
        LocationKind.OSS: _BUCKET,
        LocationKind.PVC: _CLAIM,
    }.get(kind)
    fits = authority == "" if pattern is None else pattern.fullmatch(authority)
    if not fits or ".." in authority:
        raise _not_a_uri(uri)


def _repository(uri: str) -> Location:
    address, mark, ref = uri.removeprefix("git+").rpartition("@")
    if not mark or "/" not in urlsplit(uri).path:
        address, ref = uri.removeprefix("git+"), ""
    if ref.startswith("/") or (mark and not _REF.fullmatch(ref)):
        raise _not_a_uri(uri)
    parts = urlsplit(address)
    if (
        not parts.hostname
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or not parts.path.strip("/")
        or re.search(r"[\s\\%\x00-\x1f\x7f]", address)
    ):
        raise _not_a_uri(uri)
    return Location(kind=LocationKind.GIT, authority=parts.netloc, path="", url=address, ref=ref)


def _not_a_uri(uri: str) -> Invalid:
    return Invalid(
        f"{uri[:80]!r} is not the address of a dataset.",
        "It is one of file:///folder, nas://server/export/folder, s3://bucket/prefix, "
        "oss://bucket/prefix, pvc://claim/folder, git+https://host/repository@branch; without "
        "credentials, escapes or query in it.",
    )
