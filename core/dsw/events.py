"""What happened to an object, in the order it happened."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from dsw.base import Model, View


class Phase(StrEnum):
    """The steps of a start, in their order, as the spawner reports them."""

    ADMITTED = "admitted"
    IMAGE_PULLING = "image_pulling"
    IMAGE_PRESENT = "image_present"
    CONTAINER_CREATED = "container_created"
    CONTAINER_STARTED = "container_started"
    SERVER_ANSWERING = "server_answering"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DELETED = "deleted"
    FAILED = "failed"


class EventView(View):
    """One line of an object's history. `percent` and the bytes are set while something moves."""

    id: int
    at: datetime
    object_id: str
    kind: str
    state: str
    reason: str = ""
    message: str = ""
    percent: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None


class PhaseReport(Model):
    """What a spawner tells control about an instance it works on."""

    attempt: int
    phase: Phase
    message: str = Field(default="", max_length=4000)
    reason: str = Field(default="", max_length=64)
    percent: float | None = Field(default=None, ge=0, le=100)
    bytes_done: int | None = Field(default=None, ge=0)
    bytes_total: int | None = Field(default=None, ge=0)
