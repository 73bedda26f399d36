"""Short ways to what tests of files in datasets do, over the API."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from tests.dsw_control.apis import Api
from tests.dsw_control.data_worlds import DataWorld
from tests.stub_hub import user_token

from dsw_control.data.upload_worker import UploadWorker


class Files:
    """One dataset of dora's that may be written, and what is in it where this host has it."""

    def __init__(self, world: DataWorld, dataset: dict[str, Any], folder: Path) -> None:
        self.world, self.api, self.dataset, self.folder = world, world.api, dataset, folder
        self.id = str(dataset["id"])
        self.worker = UploadWorker(world.api.control)

    @property
    def api_root(self) -> str:
        """The path of the dataset's own routes."""
        return f"/datasets/{self.id}"

    async def ask(
        self, method: str, what: str, who: Any = "dora", headers: Any = None, **query: Any
    ) -> httpx.Response:
        """The answer of one of the dataset's routes."""
        path = f"{self.api_root}/{what}?{urlencode(query)}"
        return await self.api.send(who, method, path, headers=headers)

    async def names(self, path: str = "", who: str = "dora", **query: Any) -> list[str]:
        """The names that a list of a folder shows."""
        answer = await self.ask("GET", "files", who, path=path, **query)
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    async def refusal(
        self, method: str, what: str, who: Any = "dora", **query: Any
    ) -> tuple[int, str]:
        """Status and sentence of an answer that must be a refusal for people."""
        answer = await self.ask(method, what, who, **query)
        assert 400 <= answer.status_code < 500, answer.text
        detail: str = answer.json()["detail"]
        return answer.status_code, detail

    async def begin(self, path: str, size: int, who: str = "dora", **more: Any) -> dict[str, Any]:
        """An upload that must be let in."""
        answer = await self.begun(path, size, who, **more)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def begun(self, path: str, size: int, who: str = "dora", **more: Any) -> httpx.Response:
        """The answer to the beginning of an upload."""
        body = {"path": path, "size": size, **more}
        return await self.api.send(who, "POST", f"{self.api_root}/uploads", body)

    async def put(
        self, upload: str, content: Any, offset: int = 0, who: str = "dora", **headers: str
    ) -> httpx.Response:
        """The answer to bytes of an upload."""
        return await put(self.api, who, upload, content, offset, headers)

    async def upload(self, upload: str, who: str = "dora") -> dict[str, Any]:
        """How far an upload is."""
        found: dict[str, Any] = await self.api.ok(who, "GET", f"/datasets/uploads/{upload}")
        return found

    async def send(self, path: str, content: bytes, **more: Any) -> dict[str, Any]:
        """A file from its beginning to its end, as the loops would store it."""
        made = await self.begin(path, len(content), **more)
        answer = await self.put(made["id"], content)
        assert answer.status_code == 200, answer.text
        await self.worker.turn()
        return await self.upload(made["id"])

    def staged(self) -> list[str]:
        """The hidden files of uploads in the folder, and what waits in control's directory."""
        waiting = self.api.control.settings.data / "uploads"
        inside = [path.name for path in self.folder.rglob(".dsw-upload-*")]
        return inside + ([path.name for path in waiting.iterdir()] if waiting.is_dir() else [])

    async def turn(self) -> None:
        """What the loop of uploads does."""
        await asyncio.gather(self.worker.turn(), self.worker.turn())


async def put(
    api: Api, who: str, upload: str, content: Any, offset: int = 0, headers: Any = None
) -> httpx.Response:
    """Send bytes of an upload; `content` may be an async iterator."""
    path = f"{api.root}/datasets/uploads/{upload}/content?offset={offset}"
    named = user_token(who) | {"content-type": "application/octet-stream"} | (headers or {})
    return await api._http.put(path, content=content, headers=named)


async def host_files(world: DataWorld, **values: Any) -> Files:
    """A dataset in a directory of this host."""
    uri = f"file://{world.folder}/data/inside"
    made = await world.add(**{"uri": uri, "access": "rw", "visibility": "workspace", **values})
    return Files(world, made, world.folder / "data" / "inside")


def sqlite_copy(migrated: Path, folder: Path) -> str:
    """The URL of a database with the newest tables."""
    shutil.copy(migrated, folder / "control.sqlite")
    return f"sqlite:///{folder}/control.sqlite"
