"""Admission: a pure decision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.quota import Quota, Usage, admit
from dsw.specs import Spec

GIB = 1024**3
SPEC = Spec(name="s", cpu=2, memory=4 * GIB)
GPU = Spec(name="g", cpu=2, memory=4 * GIB, gpu=2, gpu_type="A100")


@pytest.mark.parametrize(
    ("spec", "usage", "quota", "sentence"),
    [
        (SPEC, Usage(instances=3), Quota(instances=3), "3 running instances in this workspace"),
        (SPEC, Usage(instances_of_user=10), Quota(), "10 running instances per member"),
        (SPEC, Usage(cpu=7), Quota(cpu=8), "8 CPU in this workspace; 7 in use, 2 asked for"),
        (SPEC, Usage(memory=5 * GIB), Quota(memory=8 * GIB), "8 GiB of memory"),
        (GPU, Usage(free_gpus={"A100": 1, "T4": 5}), Quota(), "2 GPU of type A100 asked for, 1"),
    ],
)
def test_a_limit_is_named_with_what_is_in_use(
    spec: Spec, usage: Usage, quota: Quota, sentence: str
) -> None:
    verdict = admit(spec, usage, quota)
    assert not verdict.admitted
    assert sentence in verdict.reason


def test_zero_means_no_limit() -> None:
    quota = Quota(instances_per_user=0)
    usage = Usage(instances=999, instances_of_user=999, cpu=999, memory=999 * GIB)
    assert admit(SPEC, usage, quota).admitted


def test_a_spec_without_a_type_takes_any_gpu() -> None:
    spec = GPU.model_copy(update={"gpu_type": ""})
    assert admit(spec, Usage(free_gpus={"A100": 1, "T4": 1}), Quota()).admitted


@given(
    st.lists(st.builds(Spec, name=st.just("s"), cpu=st.integers(1, 8), memory=st.just(GIB))),
    st.integers(1, 20),
)
def test_what_is_admitted_never_passes_the_limit(specs: list[Spec], limit: int) -> None:
    usage = Usage()
    for spec in specs:
        if admit(spec, usage, Quota(cpu=limit, instances_per_user=0)).admitted:
            usage = usage.model_copy(update={"cpu": usage.cpu + spec.cpu})
    assert usage.cpu <= limit
