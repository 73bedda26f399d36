"""What control and the helper that moves archives tell each other: one request in, one result out.

The helper sees its request and a registry's login below `/request`, and works in `/work`.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from dsw.base import Model, View

ARCHIVE = "archive.tar"
"""In `/work`: the OCI archive that an export makes; an import's comes in as `/archive.tar`."""
RESULT = "result.json"
AUTH = "auth.json"
"""Beside the request: a registry's login, as `docker login` writes it."""


class ArchiveStep(StrEnum):
    """One helper does one step, with no more rights than that one needs.

    Out: `save` (engine -> `/work`), `pack` (-> archive), or `fetch` (registry -> archive). In:
    `unpack` (archive -> checked layout in `/work`), then `push` (-> registry), or `repack` and
    `load` (-> engine).
    """

    SAVE = "save"
    PACK = "pack"
    FETCH = "fetch"
    UNPACK = "unpack"
    PUSH = "push"
    REPACK = "repack"
    LOAD = "load"


class ArchiveRequest(Model):
    """One step. `image` is the engine's id or a registry's reference; `name` what the image is
    called in the archive, the engine or the registry. `limit`: bytes that its layers may have when
    they are unpacked."""

    step: ArchiveStep
    image: str = ""
    name: str = ""
    platform: str = ""
    insecure: bool = False
    limit: int = 0


class ArchiveResult(View):
    """How a step ended: `error` is a sentence, or what came out. `config` is the image's
    configuration as it stands in the archive, `digest` the manifest's in the registry, `unpacked`
    bytes of its layers."""

    error: str = Field(default="", max_length=2000)
    config: str = ""
    digest: str = Field(default="", pattern=r"^(sha256:[0-9a-f]{64})?$")
    unpacked: int = Field(default=0, ge=0)
