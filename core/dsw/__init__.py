"""The vocabulary of the workbench: pure models and rules that every process shares.

For code in an instance, `dsw.snapshot` saves it as an image and `dsw.forecast` says what that would
ship; `dsw.mount` and `dsw.unmount` change what data is there, `dsw.list_mounts` and
`dsw.list_datasets` tell what is and what could be. All are looked up at their first use: to import
`dsw` alone costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dsw._version import __version__

if TYPE_CHECKING:
    from dsw.data_inside import list_datasets, list_mounts, mount, unmount
    from dsw.inside import forecast, snapshot

__all__ = [
    "__version__",
    "forecast",
    "list_datasets",
    "list_mounts",
    "mount",
    "snapshot",
    "unmount",
]


def __getattr__(name: str) -> Any:
    if name in ("forecast", "snapshot"):
        from dsw import inside

        return getattr(inside, name)
    if name in ("list_datasets", "list_mounts", "mount", "unmount"):
        from dsw import data_inside

        return getattr(data_inside, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
