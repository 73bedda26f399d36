"""One image from start to end: base, wheel, context, and a build only when one of them changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from dsw.base import Model
from dsw.errors import EngineFailed
from dsw.images_build.base import DEFAULT, find_base
from dsw.images_build.catalog import Catalog
from dsw.images_build.certificates import read_certificates
from dsw.images_build.context import assemble, digest
from dsw.images_build.engine import image_fields, stream
from dsw.images_build.progress import Step, parse_step
from dsw.images_build.wheel import project_wheel

CONTEXT_LABEL = "dsw.context"
# Passed on when set: what a build behind a proxy or beside a mirror needs.
_PASSED_ON = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PIP_INDEX_URL",
    "NPM_CONFIG_REGISTRY",
)


class BuildOptions(Model):
    """How images are built; `ca_files` are PEM files that the build trusts beside the system's."""

    base_image: str = DEFAULT
    tag_prefix: str = Field("jupyterhub-dsw", min_length=1)
    ca_files: tuple[Path, ...] = ()
    keep_ca: bool = False
    cache: bool = True
    wheel: Path | None = None


class Outcome(Model):
    """A finished image; `built` is false when it was already what it had to be. Size in bytes."""

    reference: str
    built: bool
    size: int


class Builder:
    """Builds images with one set of options; base and wheel are made once for all of them.

    `say` is told what happens between builds, in a few words.
    """

    def __init__(
        self, catalog: Catalog, options: BuildOptions, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._catalog = catalog
        self._options = options
        self._certificates = read_certificates(options.ca_files or catalog.certificate_files)
        self._base, self._base_id = find_base(options.base_image, say)
        say("Making the project's wheel")
        self._wheel = project_wheel(catalog, options.wheel)

    def build(self, name: str, on_step: Callable[[Step], None] = lambda _: None) -> Outcome:
        """Build one image of the catalog, unless it is there and nothing changed since.

        `EngineFailed` carries the last lines of a failed build and the path of the whole output.
        """
        reference = f"{self._options.tag_prefix}/{name}:latest"
        with tempfile.TemporaryDirectory(prefix=f"dsw-{name}-") as folder:
            context = Path(folder)
            assemble(
                self._catalog,
                name,
                context,
                wheel=self._wheel,
                certificates=self._certificates,
                keep_certificates=self._options.keep_ca,
            )
            wanted = digest(context, self._base_id)
            found = _find(reference)
            if self._options.cache and found and found.context == wanted:
                return Outcome(reference=reference, built=False, size=found.size)
            self._run(name, context, wanted, on_step)
        made = _find(reference)
        if made is None:
            raise EngineFailed(f"The image {reference} was built but is not in the engine.")
        return Outcome(reference=reference, built=True, size=made.size)

    def _run(self, name: str, context: Path, wanted: str, on_step: Callable[[Step], None]) -> None:
        arguments = ["build", "--tag", f"{self._options.tag_prefix}/{name}:latest"]
        arguments += ["--label", f"{CONTEXT_LABEL}={wanted}"]
        arguments += ["--build-arg", f"BASE_IMAGE={self._base}"]
        if self._options.base_image != DEFAULT:
            # What the Dockerfiles say of their contents is true of the default only.
            arguments += ["--build-arg", "SYSTEM=", "--build-arg", "PYTHON="]
        for variable in _PASSED_ON:
            if variable in os.environ:
                arguments += ["--build-arg", variable]
        if not self._options.cache:
            arguments += ["--no-cache"]

        def on_line(line: str) -> None:
            if step := parse_step(line):
                on_step(step)

        log = Path(tempfile.mkdtemp(prefix="dsw-images-")) / f"{name}.log"
        stream([*arguments, str(context)], log, on_line, {"BUILDKIT_PROGRESS": "plain"})
        log.unlink()
        log.parent.rmdir()


class _Found(Model):
    context: str
    size: int


def _find(reference: str) -> _Found | None:
    fields = image_fields(reference, "{{.Size}}", f'{{{{index .Config.Labels "{CONTEXT_LABEL}"}}}}')
    return None if fields is None else _Found(size=int(fields[0]), context=fields[1])
