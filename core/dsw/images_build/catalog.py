"""Where the Dockerfiles are: in a checkout's `images/`, or in the installed package.

A folder of `images/` that holds a Dockerfile is an image and its name is the folder's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dsw
from dsw.base import Model
from dsw.errors import NotFound

COMMON = "common"
CERTIFICATES = "certs"


class Catalog(Model):
    """The folder of image folders; `checkout` is the project's root where there is one."""

    folder: Path
    checkout: Path | None = None

    @property
    def names(self) -> list[str]:
        """The images that can be built."""
        return sorted(path.parent.name for path in self.folder.glob("*/Dockerfile"))

    def chosen(self, names: Sequence[str]) -> list[str]:
        """The names themselves, or all where none is given; `NotFound` for one that is unknown."""
        known = self.names
        for name in names:
            if name not in known:
                raise NotFound(
                    f"There is no image {name!r} to build.", f"There are: {', '.join(known)}."
                )
        return list(dict.fromkeys(names)) or known

    @property
    def certificate_files(self) -> list[Path]:
        """The extra CA files that lie in the checkout."""
        return sorted((self.folder / CERTIFICATES).glob("*.crt"))


def find_catalog(package: Path | None = None) -> Catalog:
    """The catalog of the running code; `package` is the folder of the `dsw` package."""
    package = package or Path(dsw.__file__).parent
    shipped = package / "_images"
    if shipped.is_dir():
        return Catalog(folder=shipped)
    checkout = package.parents[1]
    if (checkout / "images").is_dir() and (checkout / "pyproject.toml").is_file():
        return Catalog(folder=checkout / "images", checkout=checkout)
    raise NotFound(
        f"The Dockerfiles are neither in {shipped} nor in {checkout / 'images'}.",
        "Install jupyterhub-dsw again, or run this from a checkout.",
    )
