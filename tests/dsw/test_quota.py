"""Admission: a pure decision over limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.quota import (
    Band,
    Holding,
    Limit,
    Limits,
    Quota,
    Who,
    admit,
    demand,
    limits_for,
    never_sentence,
    waiting_for,
)
from dsw.specs import Spec

GIB = 1024**3
SPEC = Spec(name="s", cpu=2, memory=4 * GIB)
GPU = Spec(name="g", cpu=2, memory=4 * GIB, gpu=2, gpu_type="A100")
ADA = Who(
    resource_group="local",
    workspace_id="ws-a",
    username="ada",
    roles=frozenset({"admin", "developer"}),
    priority=5,
)


def held(who: Who, **amounts: float) -> Holding:
    return Holding(
        workspace_id=who.workspace_id,
        username=who.username,
        priority=who.priority,
        amounts={name.replace("gpu_", "gpu:"): amount for name, amount in amounts.items()},
    )


def but(**change: object) -> Who:
    return ADA.model_copy(update=change)


@pytest.mark.parametrize(
    ("quota", "holdings", "sentence"),
    [
        (Quota(), [held(but(workspace_id="ws-b"), cpu=7)], "2 CPU in resource group local; 1 of 8"),
        (
            Quota(limits=Limits(instances=3)),
            [held(but(username="bob"), instances=3)],
            "1 running instance for this workspace in local; 0 of 3 free",
        ),
        (
            Quota(per_member=Limits(memory=8 * GIB)),
            [held(ADA, memory=5 * GIB)],
            "4 GiB of memory for each member in local; 3 GiB of 8 GiB free",
        ),
        (
            Quota(per_member=Limits(cpu=9), members={"ada": Limits(cpu=4)}),
            [held(ADA, cpu=3)],
            "2 CPU for ada in local; 1 of 4 free",
        ),
        (
            Quota(per_role={"developer": Limits(cpu=4), "admin": Limits(cpu=8)}),
            [held(ADA, cpu=3)],
            "2 CPU for a member with role developer in local; 1 of 4 free",
        ),
        (
            Quota(per_band={Band.NORMAL: Limits(cpu=4)}),
            [held(but(username="bob", priority=6), cpu=3)],
            "2 CPU for normal priority in this workspace in local; 1 of 4 free",
        ),
    ],
)
def test_the_limit_in_the_way_is_named(
    quota: Quota, holdings: list[Holding], sentence: str
) -> None:
    verdict = admit(demand(SPEC), limits_for(ADA, {"cpu": 8}, quota, holdings))
    assert verdict.never == []
    assert sentence in waiting_for(demand(SPEC), verdict.now[0])


@pytest.mark.parametrize(
    "other",
    [
        but(workspace_id="ws-b"),
        but(username="bob", priority=9),
        but(username="bob", roles=frozenset({"guest"})),
    ],
)
def test_what_others_hold_counts_where_it_belongs(other: Who) -> None:
    quota = Quota(
        per_member=Limits(cpu=4),
        per_role={"admin": Limits(cpu=4)},
        per_band={Band.NORMAL: Limits(cpu=6)},
    )
    assert admit(demand(SPEC), limits_for(ADA, {"cpu": 8}, quota, [held(other, cpu=4)])).admitted


def test_nothing_is_limited_where_nothing_is_said() -> None:
    much = held(ADA, instances=999, cpu=999, memory=999 * GIB)
    assert admit(demand(SPEC), limits_for(ADA, {}, Quota(), [much])).admitted


def test_zero_means_not_at_all() -> None:
    quota = Quota(limits=Limits(gpus={"*": 0}))
    verdict = admit(demand(GPU), limits_for(ADA, {"gpu:A100": 8}, quota, []))
    (limit,) = verdict.never
    assert never_sentence(demand(GPU), limit) == (
        "2 GPU asked for, but at most 0 for this workspace in local."
    )
    assert admit(demand(SPEC), limits_for(ADA, {"cpu": 8}, quota, [])).admitted


def test_gpus_are_limited_by_type_and_in_all() -> None:
    quota = Quota(limits=Limits(gpus={"A100": 4, "*": 5}))
    t4 = held(ADA, **{"gpu_T4": 4, "gpu_*": 4})
    verdict = admit(demand(GPU), limits_for(ADA, {"gpu:A100": 8}, quota, [t4]))
    assert [limit.resource for limit in verdict.now] == ["gpu:*"]


def test_a_band_is_three_priorities() -> None:
    bands = [Band.of(priority) for priority in range(1, 10)]
    assert bands == [Band.LOW] * 3 + [Band.NORMAL] * 3 + [Band.HIGH] * 3


@given(st.lists(st.text(max_size=5), min_size=2, max_size=2, unique=True), st.text(max_size=5))
def test_two_members_never_share_a_limit(names: list[str], role: str) -> None:
    quota = Quota(per_member=Limits(cpu=1), per_role={"admin": Limits(cpu=1)})
    keys = [
        {
            limit.key
            for limit in limits_for(but(username=name), {}, quota, [])
            if "member" in limit.key
        }
        for name in names
    ]
    assert len(keys[0]) == 2
    assert not keys[0] & keys[1]


@given(
    st.lists(st.tuples(st.integers(1, 80), st.integers(0, 2), st.booleans())),
    st.integers(1, 200),
    st.integers(1, 100),
)
def test_what_is_admitted_never_passes_any_limit(
    asked: list[tuple[int, int, bool]], total: int, each: int
) -> None:
    quota = Quota(per_member=Limits(cpu=each / 10))
    holdings: list[Holding] = []
    for tenths, user, start in asked:
        who = but(username=f"user{user}")
        spec = SPEC.model_copy(update={"cpu": tenths / 10})
        limits = limits_for(who, {"cpu": total / 10}, quota, holdings)
        if start and admit(demand(spec), limits).admitted:
            holdings.append(held(who, cpu=spec.cpu))
    assert sum(holding.amounts["cpu"] for holding in holdings) <= total / 10 + 1e-6
    for user in range(3):
        own = [one.amounts["cpu"] for one in holdings if one.username == f"user{user}"]
        assert sum(own) <= each / 10 + 1e-6


def test_a_limit_that_is_met_exactly_is_met() -> None:
    limit = Limit(key="k", scope="here", resource="cpu", allowed=0.3, used=0.1)
    assert admit({"cpu": 0.2}, [limit]).admitted
