"""How much may run: limits as data, and the one pure decision over them.

A request, a limit and what is used are amounts of *resources*: `cpu` in cores, `memory` in bytes,
`instances` by count, and `gpu:TYPE` by count, `gpu:*` being GPUs of all types together. Every
scope (resource group, workspace, member, role, priority band) gives limits; all must hold, so the
strictest wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from dsw.base import Model
from dsw.specs import Spec
from dsw.units import Bytes, format_size
from dsw.workspaces import DEFAULT_PRIORITY, RoleName

Amounts = dict[str, float]

ALL_GPUS = "gpu:*"


class Band(StrEnum):
    """Priorities in three bands: 1 to 3, 4 to 6, 7 to 9."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @classmethod
    def of(cls, priority: int) -> Band:
        """The band of a priority."""
        return (cls.LOW, cls.NORMAL, cls.HIGH)[(priority - 1) // 3]


class Limits(Model):
    """Upper limits; what is None has none, 0 means not at all. `gpus` by type, `*` for all."""

    instances: int | None = Field(default=None, ge=0, description="Running instances.")
    cpu: float | None = Field(default=None, ge=0, description="Cores.")
    memory: Bytes | None = Field(default=None, description="Bytes of memory.")
    gpus: dict[Annotated[str, Field(max_length=64)], Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="GPUs by type; `*` is all types together."
    )

    def amounts(self) -> Iterator[tuple[str, float]]:
        """The resources that are limited, and to what."""
        for name in ("instances", "cpu", "memory"):
            value = getattr(self, name)
            if value is not None:
                yield name, value
        for kind, count in self.gpus.items():
            yield f"gpu:{kind}", count


class Quota(Model):
    """What a workspace may use of one resource group, and the caps inside it.

    `limits` and `storage` are given by platform administrators; the caps divide what was given.
    `members` replaces `per_member` for those whom it names. A role's cap holds for each member
    who has that role. `storage` counts bytes of the workspace's folders and saved images.
    """

    limits: Limits = Field(default_factory=Limits, description="Of the workspace as a whole.")
    storage: Bytes | None = Field(default=None, description="Bytes of folders and saved images.")
    per_member: Limits = Field(default_factory=Limits, description="Of each member.")
    members: dict[str, Limits] = Field(default_factory=dict, description="Of single members.")
    per_role: dict[RoleName, Limits] = Field(
        default_factory=dict, description="Of each member with the role."
    )
    per_band: dict[Band, Limits] = Field(
        default_factory=dict, description="Of all instances with such a priority together."
    )


class Limit(Model):
    """One limit as it stands now: whose it is, what it allows, and what is used of it.

    `key` is the same for two requests exactly when they compete for it; `scope` ends the sentence
    "at most 4 CPU ..." for people.
    """

    key: str
    scope: str
    resource: str
    allowed: float
    used: float = 0


class Verdict(Model):
    """What stands in the way: `never` could not be met even if all else ended, `now` could."""

    never: list[Limit] = Field(default_factory=list)
    now: list[Limit] = Field(default_factory=list)

    @property
    def admitted(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.never and not self.now


def demand(spec: Spec, gpu_type: str = "") -> Amounts:
    """What an instance of this spec takes; the GPUs count as `gpu_type`, or as the spec's own."""
    return amounts_of(1, (spec.cpu, spec.memory), spec.gpu, gpu_type or spec.gpu_type)


def amounts_of(count: int, size: tuple[float, float], gpus: int, gpu_type: str) -> Amounts:
    """What so many instances take together: `size` is their cores and bytes of memory."""
    amounts: Amounts = {"instances": count, "cpu": size[0], "memory": size[1]}
    if gpus:
        amounts[ALL_GPUS] = gpus
        if gpu_type:
            amounts[f"gpu:{gpu_type}"] = gpus
    return amounts


def admit(asked: Mapping[str, float], limits: Iterable[Limit]) -> Verdict:
    """Whether the amounts fit under all limits. No I/O: the caller holds the transaction."""
    never: list[Limit] = []
    now: list[Limit] = []
    for limit in limits:
        amount = asked.get(limit.resource, 0)
        # Floats of CPU are compared with a grain of tolerance: 0.1 + 0.2 fits under 0.3.
        if amount <= 0:
            continue
        if amount > limit.allowed + 1e-9:
            never.append(limit)
        elif limit.used + amount > limit.allowed + 1e-9:
            now.append(limit)
    return Verdict(never=never, now=now)


def amount_text(resource: str, amount: float) -> str:
    """An amount for people: `2 CPU`, `4 GiB of memory`, `1 GPU of type A100`."""
    if resource == "memory":
        return f"{format_size(amount)} of memory"
    if resource == "cpu":
        return f"{amount:g} CPU"
    if resource == "instances":
        return f"{amount:g} running instance{'' if amount == 1 else 's'}"
    kind = resource.removeprefix("gpu:")
    return f"{amount:g} GPU" + ("" if kind == "*" else f" of type {kind}")


def never_sentence(asked: Mapping[str, float], limit: Limit) -> str:
    """Why a request can never be met."""
    wanted = amount_text(limit.resource, asked[limit.resource])
    return f"{wanted} asked for, but at most {_number(limit, limit.allowed)} {limit.scope}."


def waiting_for(asked: Mapping[str, float], limit: Limit) -> str:
    """What a request waits for: `1 GPU of type A100 in group local; 0 of 4 free`."""
    wanted = amount_text(limit.resource, asked[limit.resource])
    free = _number(limit, max(limit.allowed - limit.used, 0))
    return f"{wanted} {limit.scope}; {free} of {_number(limit, limit.allowed)} free"


def _number(limit: Limit, amount: float) -> str:
    return format_size(amount) if limit.resource == "memory" else f"{amount:g}"


class Who(Model):
    """For whom, where and how urgently something is asked."""

    resource_group: str
    workspace_id: str
    username: str
    roles: frozenset[str] = frozenset()
    priority: int = DEFAULT_PRIORITY


class Holding(Model):
    """What is held by all allocations of one owner with one priority in one workspace."""

    workspace_id: str
    username: str
    priority: int
    amounts: Amounts

    def counts_for(self, who: Who) -> Iterator[str]:
        """The scopes of `who` that this holding is part of."""
        yield "group"
        if self.workspace_id != who.workspace_id:
            return
        yield "workspace"
        if self.username == who.username:
            yield "member"
        if Band.of(self.priority) is Band.of(who.priority):
            yield "band"


def limits_for(
    who: Who, allowed: Mapping[str, float], quota: Quota, held: Iterable[Holding]
) -> list[Limit]:
    """Every limit that a request of `who` must fit under, with what is used of each.

    `allowed` is what the resource group may hand out, `held` what is held in it (all of it, or at
    least what counts for `who`).
    """
    used: dict[str, Amounts] = {}
    for holding in held:
        for scope in holding.counts_for(who):
            into = used.setdefault(scope, {})
            for resource, amount in holding.amounts.items():
                into[resource] = into.get(resource, 0) + amount
    return [
        Limit(
            key=limit_key(key, resource),
            scope=text,
            resource=resource,
            allowed=amount,
            used=used.get(key[0], {}).get(resource, 0),
        )
        for key, text, amounts in _scopes(who, allowed, quota)
        for resource, amount in amounts
    ]


ScopeKey = tuple[str, ...]


def limit_key(scope: ScopeKey, resource: str) -> str:
    """One text for a scope and a resource; no part can hold the separator."""
    return "\0".join((*scope, resource))


def scope_keys(who: Who) -> list[ScopeKey]:
    """The scopes that what `who` holds is part of; the first word is the kind of scope."""
    group, workspace = who.resource_group, who.workspace_id
    member = ("member", group, workspace, who.username)
    return [
        ("group", group),
        ("workspace", group, workspace),
        member,
        *((*member, role) for role in sorted(who.roles)),
        ("band", group, workspace, Band.of(who.priority)),
    ]


def _scopes(
    who: Who, allowed: Mapping[str, float], quota: Quota
) -> Iterator[tuple[ScopeKey, str, Iterable[tuple[str, float]]]]:
    """The scopes of `who` that are limited: key, words, limits."""
    group, band = who.resource_group, Band.of(who.priority)
    for key in scope_keys(who):
        if key[0] == "group":
            yield key, f"in resource group {group}", allowed.items()
        elif key[0] == "workspace":
            yield key, f"for this workspace in {group}", quota.limits.amounts()
        elif key[0] == "band":
            text = f"for {band} priority in this workspace in {group}"
            yield key, text, quota.per_band.get(band, Limits()).amounts()
        elif len(key) > 4:
            text = f"for a member with role {key[4]} in {group}"
            yield key, text, quota.per_role.get(key[4], Limits()).amounts()
        elif who.username in quota.members:
            yield key, f"for {who.username} in {group}", quota.members[who.username].amounts()
        else:
            yield key, f"for each member in {group}", quota.per_member.amounts()
