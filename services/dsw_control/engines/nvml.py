"""The GPUs of this machine as NVML shows them, MIG slices each as a device of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pynvml

from dsw.resources import Device


def devices() -> list[Device]:
    """All GPUs by UUID; none where there is no driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        return [_device(part) for handle in handles for part in _parts(handle)]
    finally:
        pynvml.nvmlShutdown()


def type_of(name: str) -> str:
    """The word for a model, for specs and quotas: `NVIDIA A100-SXM4-40GB MIG 1g.5gb` is
    `A100-SXM4-40GB-MIG-1g.5gb`."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name.removeprefix("NVIDIA ")).strip("-")


def _device(handle: Any) -> Device:
    return Device(
        id=_text(pynvml.nvmlDeviceGetUUID(handle)),
        type=type_of(_text(pynvml.nvmlDeviceGetName(handle))),
    )


def _parts(handle: Any) -> Iterator[Any]:
    """The MIG slices of a GPU that is divided, else the GPU itself."""
    try:
        divided = pynvml.nvmlDeviceGetMigMode(handle)[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    except pynvml.NVMLError:
        divided = False
    if not divided:
        yield handle
        return
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
        except pynvml.NVMLError:
            continue


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
