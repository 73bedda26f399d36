"""Calls for images as OCI archives: files that leave the catalog, or come into it."""

from __future__ import annotations

from collections.abc import Iterator

from dsw.client.transport import Transport, path_of
from dsw.transfers import ImageImport, TransferView


class TransferCalls(Transport):
    """Transfers by id."""

    def export_image(self, image_id: str) -> TransferView:
        """Have an image made into an archive."""
        return self._create(path_of("images", image_id, "export"), TransferView)

    def import_image(self, body: ImageImport) -> TransferView:
        """Announce an archive; its bytes are sent with `send_content`."""
        return self._create(path_of("images", "import"), TransferView, body)

    def transfers(self, limit: int | None = None) -> list[TransferView]:
        """The caller's transfers."""
        return self._items(path_of("images", "transfers"), TransferView, limit=limit)

    def transfer(self, transfer_id: str) -> TransferView:
        """One transfer."""
        return self._one(path_of("images", "transfers", transfer_id), TransferView)

    def send_content(self, transfer_id: str, offset: int, content: bytes) -> TransferView:
        """Send a piece of an archive; `offset` is where in the file it begins."""
        path = path_of("images", "transfers", transfer_id, "content")
        answer = self._send("PUT", path, params={"offset": offset}, content=content)
        return TransferView.model_validate(answer.json())

    def transfer_content(self, transfer_id: str, start: int = 0) -> Iterator[bytes]:
        """The bytes of an archive from `start` on."""
        return self._pieces(path_of("images", "transfers", transfer_id, "content"), start)

    def end_transfer(self, transfer_id: str) -> None:
        """Cancel a transfer, or remove its file."""
        self._delete(path_of("images", "transfers", transfer_id))
