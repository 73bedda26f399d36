"""Which variables of an image programs of the host could fall for."""

from __future__ import annotations

import pytest

from dsw.image_environment import cleaned, refused

NVIDIAS_OWN_IMAGE = [
    "PATH=/usr/local/cuda/bin:/usr/bin",
    "NVARCH=x86_64",
    "NVIDIA_REQUIRE_CUDA=cuda>=12.6 brand=tesla,driver>=535",
    "NV_CUDA_CUDART_VERSION=12.6.77-1",
    "CUDA_VERSION=12.6.2",
    "LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64",
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility",
    "NVIDIA_PYTORCH_VERSION=25.01",
]


def test_what_cuda_images_really_set_stays() -> None:
    assert refused([*NVIDIAS_OWN_IMAGE, "NVIDIA_VISIBLE_DEVICES=all"]) == []
    assert cleaned([*NVIDIAS_OWN_IMAGE, "NVIDIA_VISIBLE_DEVICES=all"]) == NVIDIAS_OWN_IMAGE


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA_VISIBLE_DEVICES",
        "NVIDIA_MIG_CONFIG_DEVICES",
        "NVIDIA_MIG_MONITOR_DEVICES",
        "NVIDIA_IMEX_CHANNELS",
        "NVIDIA_DISABLE_REQUIRE",
        "NVIDIA_GDS",
        "AMD_VISIBLE_DEVICES",
        "HABANA_VISIBLE_DEVICES",
        "CUDA_VISIBLE_DEVICES",
    ],
)
def test_devices_are_named_by_the_workbench_alone(name: str) -> None:
    assert cleaned([f"{name}=all", name, "A=b"]) == ["A=b"]


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_AUDIT", "LD_DEBUG_OUTPUT", "GCONV_PATH"])
def test_what_makes_programs_load_or_write_is_refused(name: str) -> None:
    assert refused(["A=b", f"{name}=/opt/x.so", f"{name}="]) == [name]


@pytest.mark.parametrize("name", ["LD_LIBRARY_PATH", "LDFLAGS", "OLD_PRELOAD", "ld_preload", "LD"])
def test_other_names_are_no_reason_to_refuse(name: str) -> None:
    assert refused([f"{name}=x"]) == []


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/usr/local/cuda/lib64:", "/usr/local/cuda/lib64"),
        (".:/opt/lib:lib", "/opt/lib"),
        ("/proc/self/cwd/lib:/opt/lib", "/opt/lib"),
        ("/opt/../proc/self/root/lib:/opt/lib", "/opt/lib"),
        ("//proc/1/root:/dev/fd/3:/opt/lib", "/opt/lib"),
        ("$ORIGIN/lib:/opt/${LIB}:/opt/lib", "/opt/lib"),
        ("/opt/processing", "/opt/processing"),
    ],
)
def test_a_library_path_leads_the_same_way_for_every_program(path: str, kept: str) -> None:
    assert cleaned([f"LD_LIBRARY_PATH={path}"]) == [f"LD_LIBRARY_PATH={kept}"]


@pytest.mark.parametrize("path", ["", ":", ".", "/proc/self/cwd"])
def test_an_empty_library_path_goes(path: str) -> None:
    assert cleaned([f"LD_LIBRARY_PATH={path}"]) == []
