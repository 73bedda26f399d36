"""The vocabulary of the workbench: pure models and rules that every process shares."""

from dsw._version import __version__

__all__ = ["__version__"]
