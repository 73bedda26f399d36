"""A resource group: what there is to run on, which specs it offers, and what is free."""

from __future__ import annotations

from pydantic import Field

from dsw.base import Model, View
from dsw.quota import Amounts, Quota


class Device(Model):
    """A GPU (or a MIG slice of one) that can be leased; `shares` instances may have it at once."""

    id: str
    type: str
    shares: int = 1


class Capacity(Model):
    """What an engine's host has: cores, bytes of memory, GPUs."""

    cpu: float
    memory: int
    devices: list[Device] = Field(default_factory=list)


class GpuView(View):
    """GPUs of one type, counted in shares where they are shared: how many, and how many free."""

    type: str
    total: int
    free: int
    shares: int = 1


class ResourceGroupView(View):
    """A pool of compute. `allowed` is what may be handed out of it, overcommitment included."""

    name: str
    description: str = ""
    specs: list[str]
    discovered: bool
    allowed: Amounts
    used: Amounts
    gpus: list[GpuView] = Field(default_factory=list)
    waiting: int = 0


class QuotaView(View):
    """A workspace's quota in one resource group, and what is used of it."""

    resource_group: str
    quota: Quota
    used: Amounts
    storage_used: int | None = None
