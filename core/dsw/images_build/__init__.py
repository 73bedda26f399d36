"""Builds this project's container images on the host's engine, for `dsw images build`."""

from dsw.images_build.build import Builder, BuildOptions, Outcome
from dsw.images_build.catalog import Catalog, find_catalog
from dsw.images_build.progress import Step

__all__ = ["BuildOptions", "Builder", "Catalog", "Outcome", "Step", "find_catalog"]
