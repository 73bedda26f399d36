"""How every model of the vocabulary behaves: frozen, and closed to unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen model that refuses keys it does not know: what a client sends is a closed schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class View(BaseModel):
    """A frozen model that is read from an answer: newer servers may add keys."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)
