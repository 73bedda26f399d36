"""The one version of every part of the workbench."""

__version__ = "0.1.0"
