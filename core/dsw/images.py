"""An image of the catalog, as people and programs see it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from dsw.base import View


class ImageSource(StrEnum):
    """Where an image comes from."""

    OFFICIAL = "official"
    CUSTOM = "custom"
    SNAPSHOT = "snapshot"


class ImageView(View):
    """A catalog image; `digest` is what an engine runs, `parent_id` the image it grew from."""

    id: str
    name: str
    description: str = ""
    source: ImageSource
    workspace_id: str | None = None
    owner: str | None = None
    reference: str
    digest: str = ""
    size: int | None = None
    parent_id: str | None = None
    instance_id: str | None = None
    available: bool = True
    created_at: datetime
