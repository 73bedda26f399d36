"""Images as OCI archives: one file that goes out of the catalog, or comes into it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from dsw.base import Model, View
from dsw.images import ImageName, ImageTag


class TransferKind(StrEnum):
    """Out of the catalog, or into it."""

    EXPORT = "export"
    IMPORT = "import"


class TransferState(StrEnum):
    """Where a transfer is; the last three are ends. `Receiving`: an import's file is coming in."""

    RECEIVING = "Receiving"
    WORKING = "Working"
    READY = "Ready"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class ImageImport(Model):
    """An image that comes as an OCI archive (or one of `docker save`) of `size` bytes."""

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: ImageName
    description: str = Field(default="", max_length=2000)
    tag: ImageTag | None = None
    size: int = Field(gt=0, le=2**40, description="Bytes of the file.")


class TransferView(View):
    """A transfer and how far it is; `size` is that of the file, in bytes. An export's file is kept
    until `expires_at`."""

    id: str
    kind: TransferKind
    state: TransferState
    workspace_id: str
    owner: str
    image_id: str | None = None
    name: str
    message: str = ""
    bytes_done: int = 0
    size: int | None = None
    created_at: datetime
    ended_at: datetime | None = None
    expires_at: datetime | None = None
