"""What an image is called in a registry: `[host[:port]/]repository[:tag|@digest]`, taken apart."""

from __future__ import annotations

import re

from dsw.base import Model
from dsw.errors import Invalid

DEFAULT_HOST = "docker.io"
NAME_MAX = 255
DIGEST = r"sha256:[0-9a-f]{64}"

_HOST = re.compile(r"(?!-)[a-z0-9-]+(?:\.(?!-)[a-z0-9-]+)*(?::[0-9]{1,5})?")
_FOLDER = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_FOLDER}(?:/{_FOLDER})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(DIGEST)
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class ImageReference(Model):
    """A repository of a registry, and in it a tag or a digest; exactly one of the two is set."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def at(self, digest: str) -> ImageReference:
        """The same repository at a digest."""
        return ImageReference(host=self.host, repository=self.repository, digest=digest)


def parse_reference(text: str) -> ImageReference:
    """The parts of a reference, by the rules of the `docker` command; `Invalid` where it is none.

    Without a host it is one of Docker Hub, and there without a folder an official one
    (`library/`). A digest makes a tag before it meaningless, and no tag means `latest`.
    """
    rest, _, digest = text.partition("@")
    first, slash, path = rest.partition("/")
    named = bool(slash) and names_a_host(first)
    host, path = (host_name(first), path) if named else (DEFAULT_HOST, rest)
    path, colon, tag = path.partition(":")
    if host == DEFAULT_HOST and "/" not in path:
        path = f"library/{path}"
    parts = [(_HOST, host), (_PATH, path)]
    parts += [(_TAG, tag)] if colon else []
    parts += [(_DIGEST, digest)] if "@" in text else []
    fits = all(pattern.fullmatch(part) for pattern, part in parts)
    if not fits or len(f"{host}/{path}") > NAME_MAX:
        raise Invalid(
            f"{text[:100]!r} is no reference of an image.",
            "Write it as host/repository:tag, in lower case, such as "
            "registry.example.org/team/torch:2.9, or with @sha256:... instead of the tag.",
        )
    tag = "" if digest else tag or "latest"
    return ImageReference(host=host, repository=path, tag=tag, digest=digest)


def names_a_host(first: str) -> bool:
    """Whether the part before the first slash is a host and not a folder of Docker Hub."""
    return "." in first or ":" in first or first.lower() == "localhost"


def host_name(text: str) -> str:
    """A host as it is compared: lower case, without the port of https, Docker Hub by one name."""
    host = text.lower().removesuffix(":443")
    return DEFAULT_HOST if host in _HUB_NAMES else host
