"""A spec: a named size that an instance or a job can have."""

from __future__ import annotations

from pydantic import Field, model_validator

from dsw.base import Model
from dsw.units import Bytes, format_size


class Spec(Model):
    """CPU in cores, memory and shared memory in bytes, GPUs by count and type."""

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,38}[a-z0-9])?$", description="Its name.")
    cpu: float = Field(gt=0, le=4096, description="Cores; 0.5 is half of one.")
    memory: Bytes = Field(ge=128 * 1024**2, description="Memory in bytes; at least 128 MiB.")
    shared_memory: Bytes = Field(64 * 1024**2, description="Size of /dev/shm in bytes.")
    gpu: int = Field(default=0, ge=0, le=64, description="How many GPUs.")
    gpu_type: str = Field("", description="Their type, a word of `gpus`; empty: any.")
    gpu_shared: bool = Field(
        default=False, description="Whether its GPUs are shares of devices that others use too."
    )
    pids: int = Field(default=4096, ge=64, description="Most processes and threads.")
    description: str = Field("", description="What it is good for.")

    @model_validator(mode="after")
    def _one_share(self) -> Spec:
        if self.gpu_shared and self.gpu != 1:
            raise ValueError("gpu_shared is for specs with gpu = 1")
        return self

    @property
    def summary(self) -> str:
        """`2 CPU, 4 GiB` and the GPUs, if any."""
        gpu = f", {self.gpu} x {self.gpu_type or 'GPU'}" if self.gpu else ""
        return f"{self.cpu:g} CPU, {format_size(self.memory)}{gpu}"
