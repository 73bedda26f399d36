"""What NVML says of the GPUs that this instance may use."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

from dsw_server.usage import Gpu


@cache
def _nvml() -> Any:
    """The NVML binding, initialised once; None where there is no binding or no driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except (ImportError, OSError):
        return None
    except pynvml.NVMLError:
        return None
    return pynvml


def read() -> list[Gpu]:
    """Every visible GPU that answers."""
    nvml = _nvml()
    if nvml is None:
        return []
    gpus = []
    with suppress(nvml.NVMLError):
        for index in range(nvml.nvmlDeviceGetCount()):
            with suppress(nvml.NVMLError):
                gpus.append(_read_one(nvml, index))
    return gpus


def _read_one(nvml: Any, index: int) -> Gpu:
    device = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(device)
    try:
        utilization = float(nvml.nvmlDeviceGetUtilizationRates(device).gpu)
    except nvml.NVMLError_NotSupported:
        # A GPU that is split into MIG slices counts no utilisation as a whole.
        utilization = None
    return Gpu(
        index=index,
        name=nvml.nvmlDeviceGetName(device),
        utilization=utilization,
        memory_used=memory.used,
        memory_total=memory.total,
    )
