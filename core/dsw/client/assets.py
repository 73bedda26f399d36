"""Calls for what a workspace keeps: images, credentials and code sources."""

from __future__ import annotations

from dsw.client.transport import Transport, path_of
from dsw.code_sources import CodeSourceCreate, CodeSourceView
from dsw.image_report import ImageReportView, ImageRestore
from dsw.images import (
    CredentialCreate,
    CredentialView,
    ImageAdd,
    ImageChange,
    ImageFilter,
    ImageUsage,
    ImageView,
)
from dsw.instances import InstanceView


class AssetCalls(Transport):
    """All by id; lists of the whole workbench as the caller sees it, or of one workspace."""

    def images(
        self, wanted: ImageFilter | None = None, limit: int | None = None
    ) -> list[ImageView]:
        """The catalog as the caller sees it, or the part of it that is wanted."""
        params = (wanted or ImageFilter()).model_dump(mode="json", exclude_none=True)
        return self._items("images", ImageView, params, limit)

    def image(self, image_id: str) -> ImageView:
        """One image."""
        return self._one(path_of("images", image_id), ImageView)

    def add_image(self, body: ImageAdd) -> ImageView:
        """Add an image that is in a registry."""
        return self._create("images", ImageView, body)

    def change_image(
        self, image_id: str, body: ImageChange, if_unchanged: bool = False
    ) -> ImageView:
        """Change an image; what is None stays."""
        return self._change("PATCH", path_of("images", image_id), ImageView, body, if_unchanged)

    def check_image(self, image_id: str) -> ImageView:
        """Look again at what an image is and can run."""
        return self._act(path_of("images", image_id, "check"), ImageView)

    def image_usage(self, image_id: str) -> ImageUsage:
        """Who uses an image."""
        return self._one(path_of("images", image_id, "usage"), ImageUsage)

    def image_lineage(self, image_id: str, limit: int | None = None) -> list[ImageView]:
        """What an image grew from, the oldest first, then itself and what grew from it."""
        return self._items(path_of("images", image_id, "lineage"), ImageView, limit=limit)

    def image_report(self, image_id: str) -> ImageReportView:
        """What was found out about a saved image, and what instance it was."""
        return self._one(path_of("images", image_id, "report"), ImageReportView)

    def image_sbom(self, image_id: str) -> bytes:
        """What is installed in a saved image, as a CycloneDX document in JSON."""
        return self._send("GET", path_of("images", image_id, "sbom")).content

    def restore_image(self, image_id: str, body: ImageRestore) -> InstanceView:
        """Make an instance as the one was that the image was saved from."""
        return self._create(path_of("images", image_id, "restore"), InstanceView, body)

    def delete_image(self, image_id: str) -> None:
        """Delete an image that nothing uses."""
        self._delete(path_of("images", image_id))

    def credentials(
        self, workspace: str | None = None, limit: int | None = None
    ) -> list[CredentialView]:
        """The stored credentials, without their secrets."""
        return self._items("credentials", CredentialView, {"workspace": workspace}, limit)

    def create_credential(self, body: CredentialCreate) -> CredentialView:
        """Store a credential."""
        return self._create("credentials", CredentialView, body)

    def delete_credential(self, credential_id: str) -> None:
        """Forget a credential."""
        self._delete(path_of("credentials", credential_id))

    def code_sources(
        self, workspace: str | None = None, limit: int | None = None
    ) -> list[CodeSourceView]:
        """The registered repositories."""
        return self._items("code-sources", CodeSourceView, {"workspace": workspace}, limit)

    def code_source(self, code_source_id: str) -> CodeSourceView:
        """One registered repository."""
        return self._one(path_of("code-sources", code_source_id), CodeSourceView)

    def create_code_source(self, body: CodeSourceCreate) -> CodeSourceView:
        """Register a repository."""
        return self._create("code-sources", CodeSourceView, body)

    def delete_code_source(self, code_source_id: str) -> None:
        """Forget a repository."""
        self._delete(path_of("code-sources", code_source_id))
