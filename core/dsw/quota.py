"""How much may run: one pure decision over what is asked, what is used and what is allowed."""

from __future__ import annotations

from pydantic import Field

from dsw.base import Model
from dsw.specs import Spec
from dsw.units import Bytes, format_size


class Quota(Model):
    """Limits of a workspace; 0 means no limit."""

    instances: int = Field(default=0, ge=0, description="Running instances in all.")
    instances_per_user: int = Field(
        default=10, ge=0, description="Running instances of one member."
    )
    cpu: float = Field(default=0, ge=0, description="Cores of all running instances.")
    memory: Bytes = Field(0, description="Bytes of memory of all running instances.")


class Usage(Model):
    """What the admitted instances of a workspace hold now; `free_gpus` by type."""

    instances: int = 0
    instances_of_user: int = 0
    cpu: float = 0
    memory: int = 0
    free_gpus: dict[str, int] = Field(default_factory=dict)


class Verdict(Model):
    """The answer: admitted, or the sentence that says which limit stands in the way."""

    admitted: bool
    reason: str = ""


def admit(request: Spec, usage: Usage, quota: Quota) -> Verdict:
    """Whether an instance of this spec may start now. No I/O: the caller holds the transaction."""
    for limit, used, asked, text in (
        (quota.instances, usage.instances, 1, "{limit:g} running instances in this workspace"),
        (
            quota.instances_per_user,
            usage.instances_of_user,
            1,
            "{limit:g} running instances per member",
        ),
        (quota.cpu, usage.cpu, request.cpu, "{limit:g} CPU in this workspace"),
    ):
        if limit and used + asked > limit:
            allowed = text.format(limit=limit)
            return _refused(f"The limit is {allowed}; {used:g} in use, {asked:g} asked for.")
    if quota.memory and usage.memory + request.memory > quota.memory:
        return _refused(
            f"The limit is {format_size(quota.memory)} of memory in this workspace; "
            f"{format_size(usage.memory)} in use, {format_size(request.memory)} asked for."
        )
    free = usage.free_gpus.get(request.gpu_type, 0)
    if request.gpu_type == "":
        free = sum(usage.free_gpus.values())
    if request.gpu > free:
        kind = f" of type {request.gpu_type}" if request.gpu_type else ""
        return _refused(f"{request.gpu} GPU{kind} asked for, {free} free.")
    return Verdict(admitted=True)


def _refused(reason: str) -> Verdict:
    return Verdict(admitted=False, reason=f"{reason} Stop another instance or take a smaller spec.")
