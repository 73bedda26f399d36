"""Modules that are also functions for code in an instance: `dsw.mounts()`, `dsw.datasets()`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallableModule(ModuleType):
    """A module of the vocabulary; called, it is the function of its name in `dsw.data_inside`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What there is for this instance, as `dsw.data_inside` tells it."""
        from dsw import data_inside

        return getattr(data_inside, self.__name__.rpartition(".")[2])(*args, **kwargs)


def make_callable(name: str) -> None:
    """Let the module of this full name be called.

    A function in its place would not do: whoever imports the module sets it on the package.
    """
    sys.modules[name].__class__ = _CallableModule
