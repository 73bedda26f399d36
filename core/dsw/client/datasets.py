"""Calls for datasets: the catalog, their files in pieces, and what nodes keep of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict, Unpack

from dsw.client.transport import FileFacts, Transport, path_of
from dsw.datasets import (
    CacheView,
    DatasetChange,
    DatasetCreate,
    DatasetUse,
    DatasetView,
    FileEntry,
    Preview,
    StorageClassView,
    UploadCreate,
    UploadView,
    VersionCreate,
    VersionView,
    WarmAsk,
    WarmView,
)


class DatasetFilters(TypedDict, total=False):
    """What a list of datasets is narrowed to; a workspace by id or name."""

    workspace: str | None
    name: str | None
    label: str | None
    kind: str | None


class DatasetCalls(Transport):
    """Datasets by id, files by their path below the dataset. `version` None is the newest."""

    def storage_classes(
        self, workspace: str | None = None, limit: int | None = None
    ) -> list[StorageClassView]:
        """Where datasets of a workspace may lie."""
        return self._items("storage-classes", StorageClassView, {"workspace": workspace}, limit)

    def datasets(
        self, limit: int | None = None, **filters: Unpack[DatasetFilters]
    ) -> list[DatasetView]:
        """The datasets that the caller may see."""
        return self._items("datasets", DatasetView, filters, limit)

    def dataset(self, dataset_id: str) -> DatasetView:
        """One dataset with its versions."""
        return self._one(path_of("datasets", dataset_id), DatasetView)

    def create_dataset(self, body: DatasetCreate) -> DatasetView:
        """Register a dataset."""
        return self._create("datasets", DatasetView, body)

    def change_dataset(
        self, dataset_id: str, body: DatasetChange, if_unchanged: bool = False
    ) -> DatasetView:
        """Change a dataset; what is None stays."""
        path = path_of("datasets", dataset_id)
        return self._change("PATCH", path, DatasetView, body, if_unchanged)

    def retire_dataset(self, dataset_id: str) -> None:
        """Take a dataset from the list; its data stays where it is."""
        self._delete(path_of("datasets", dataset_id))

    def create_version(self, dataset_id: str, body: VersionCreate) -> DatasetView:
        """Make a new version of a dataset."""
        return self._create(path_of("datasets", dataset_id, "versions"), DatasetView, body)

    def check_dataset(self, dataset_id: str, version: int | None = None) -> VersionView:
        """Try whether a version can be reached."""
        path = path_of("datasets", dataset_id, "check")
        answer = self._send("POST", path, params={} if version is None else {"version": version})
        return VersionView.model_validate(answer.json())

    def dataset_usage(self, dataset_id: str) -> DatasetUse:
        """Who uses a dataset."""
        return self._one(path_of("datasets", dataset_id, "usage"), DatasetUse)

    def files(
        self,
        dataset_id: str,
        path: str = "",
        version: int | None = None,
        limit: int | None = None,
    ) -> list[FileEntry]:
        """What is in a folder of a dataset."""
        asked = {"path": path, "version": version}
        return self._items(path_of("datasets", dataset_id, "files"), FileEntry, asked, limit)

    def preview(self, dataset_id: str, path: str, version: int | None = None) -> Preview:
        """The beginning of a file, as text or table."""
        asked = {"path": path, "version": version}
        return self._one(path_of("datasets", dataset_id, "preview"), Preview, asked)

    def file_facts(self, dataset_id: str, path: str, version: int | None = None) -> FileFacts:
        """Size and tag of a file."""
        asked = {"path": path, "version": version}
        return self._facts(path_of("datasets", dataset_id, "content"), asked)

    def file_content(
        self,
        dataset_id: str,
        path: str,
        start: int = 0,
        version: int | None = None,
        tag: str = "",
    ) -> Iterator[bytes]:
        """The bytes of a file from `start` on; with a tag only while it is still so."""
        asked = {"path": path, "version": version}
        return self._pieces(path_of("datasets", dataset_id, "content"), start, asked, tag)

    def delete_file(self, dataset_id: str, path: str) -> None:
        """Delete a file of the newest version."""
        self._delete(path_of("datasets", dataset_id, "files"), {"path": path})

    def create_upload(self, dataset_id: str, body: UploadCreate) -> UploadView:
        """Announce a file; its bytes are sent with `send_upload`."""
        return self._create(path_of("datasets", dataset_id, "uploads"), UploadView, body)

    def uploads(self, limit: int | None = None) -> list[UploadView]:
        """The caller's uploads that are under way."""
        return self._items(path_of("datasets", "uploads"), UploadView, limit=limit)

    def upload(self, upload_id: str) -> UploadView:
        """One upload."""
        return self._one(path_of("datasets", "uploads", upload_id), UploadView)

    def send_upload(self, upload_id: str, offset: int, content: bytes) -> UploadView:
        """Send a piece of a file; `offset` is where in it the piece begins."""
        path = path_of("datasets", "uploads", upload_id, "content")
        answer = self._send("PUT", path, params={"offset": offset}, content=content)
        return UploadView.model_validate(answer.json())

    def cancel_upload(self, upload_id: str) -> None:
        """End an upload; what came of the file is removed."""
        self._delete(path_of("datasets", "uploads", upload_id))

    def dataset_cache(self, dataset_id: str) -> CacheView:
        """What the node keeps of a dataset, and how often that was enough."""
        return self._one(path_of("datasets", dataset_id, "cache"), CacheView)

    def warm_dataset(self, dataset_id: str, body: WarmAsk) -> WarmView:
        """Have a dataset read into the node's cache."""
        return self._create(path_of("datasets", dataset_id, "warmings"), WarmView, body)

    def warmings(self, dataset_id: str, limit: int | None = None) -> list[WarmView]:
        """The fillings of a dataset's cache, the newest first."""
        return self._items(path_of("datasets", dataset_id, "warmings"), WarmView, limit=limit)

    def warming(self, warming_id: str) -> WarmView:
        """One filling of a cache."""
        return self._one(path_of("datasets", "warmings", warming_id), WarmView)

    def cancel_warming(self, warming_id: str) -> WarmView:
        """End the filling of a cache; what is in it stays."""
        return WarmView.model_validate(self._delete(path_of("datasets", "warmings", warming_id)))
