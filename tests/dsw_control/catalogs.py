"""Two teams with a catalog, an engine that only knows which images it has, and a registry."""

from __future__ import annotations

from typing import Any

from tests.dsw_control.apis import ADMIN, Api

from dsw.errors import Conflict, Unavailable
from dsw.image_config import read_config
from dsw.images import ImageSource, ImageUse, Visibility
from dsw.names import new_id
from dsw.plan import RegistryLogin
from dsw_control.context import Control
from dsw_control.engines.base import EngineImage, Progress, unheard
from dsw_control.engines.process import ProcessEngine
from dsw_control.store.tables import Image

OWNER, DEVELOPER, GUEST = "ada", "bob", "gus"
"""Of the workspace `team`. `STRANGER` owns `other`."""
STRANGER = "eve"
SPECS = [{"name": "one", "cpu": 1, "memory": "1GiB"}]
ROOMY = [{"name": "local", "cpu": 64, "memory": "1TiB"}]


class Shelf(ProcessEngine):
    """An engine that has images, and runs none. `in_use` are refused to be removed."""

    isolated = True

    def __init__(self, control: Control) -> None:
        super().__init__(control.settings)
        self.images: dict[str, EngineImage] = {}
        self.removed: list[str] = []
        self.pushed: list[tuple[str, str, str, RegistryLogin | None]] = []
        self.named: dict[str, str] = {}
        self.in_use: set[str] = set()
        self.down = False

    async def platform(self) -> str:
        """Of the images that the tests push."""
        return "linux/amd64"

    async def image(self, reference: str) -> EngineImage | None:
        """What the test put on the shelf."""
        return self.images.get(reference)

    async def remove_image(self, reference: str) -> None:
        """As an engine does it: what a container uses stays."""
        if self.down:
            raise Unavailable("The container engine does not answer.")
        if reference in self.in_use:
            raise Conflict("The engine refused: a container uses it.")
        self.images.pop(reference, None)
        self.removed.append(reference)

    async def push(
        self,
        digest: str,
        repository: str,
        tag: str,
        login: RegistryLogin | None,
        progress: Progress = unheard,
    ) -> str:
        """Remember what was to be pushed, and by which login."""
        self.pushed.append((digest, repository, tag, login))
        return f"{repository}@{digest}"

    async def tag(self, digest: str, name: str) -> None:
        """One more name."""
        self.named[name] = digest

    def put(self, reference: str, digest: str, run: Any = None) -> None:
        """Build an image."""
        config = read_config("linux", "amd64", run)
        self.images[reference] = EngineImage(digest=digest, size=7, config=config)


class Catalog:
    """The API of two teams, and short ways to what tests of the catalog do."""

    def __init__(self, api: Api, registry: str) -> None:
        self.api = api
        self.control = api.control
        self.registry = registry
        self.shelf = Shelf(self.control)
        self.control.engine = self.shelf
        self.team = ""

    async def fill(self) -> Catalog:
        """Make the workspaces and their members."""
        for name, owner in (("team", OWNER), ("other", STRANGER)):
            made = await self.api.ok(ADMIN, "POST", "/workspaces", {"name": name, "owner": owner})
            self.team = self.team or made["id"]
        for name, role in ((DEVELOPER, "developer"), (GUEST, "guest")):
            path = f"/workspaces/team/members/{name}"
            await self.api.ok(OWNER, "PUT", path, {"roles": [role]})
        return self

    async def add(self, who: str, name: str, repository: str, **more: Any) -> Any:
        """Add an image of the registry; the answer."""
        reference = f"{self.registry}/{repository}"
        body = {"workspace": "team", "name": name, "reference": reference, **more}
        return await self.api.send(who, "POST", "/images", body)

    async def added(self, who: str, name: str, repository: str, **more: Any) -> dict[str, Any]:
        """Add an image that must be taken."""
        answer = await self.add(who, name, repository, **more)
        assert answer.status_code == 201, answer.text
        image: dict[str, Any] = answer.json()
        return image

    async def names(self, who: str, query: str = "") -> list[str]:
        """What the catalog lists for somebody."""
        found = await self.api.ok(who, "GET", f"/images{query}")
        return [item["name"] for item in found["items"]]

    async def start(self, who: str, image_id: str, workspace: str = "team") -> Any:
        """Create an instance from an image; the answer."""
        body = {"workspace": workspace, "display_name": "x", "image": image_id, "spec": "one"}
        return await self.api.send(who, "POST", "/instances", body)

    async def saved(self, owner: str, name: str, parent: str | None = None, **more: Any) -> str:
        """An image that was saved from an instance, as the worker writes it down; its id."""
        fields: dict[str, Any] = {
            "id": new_id("img"),
            "name": name,
            "description": "",
            "source": ImageSource.SNAPSHOT,
            "workspace_id": self.team,
            "owner": owner,
            "reference": f"dsw-main/{name}:latest",
            "digest": f"dsw-main/{name}:latest",
            "visibility": Visibility.PRIVATE,
            "use": ImageUse.INSTANCE,
            "parent_id": parent,
            "created_at": self.control.clock(),
        }
        async with self.control.db.write() as session:
            row = Image(**fields | more)
            session.add(row)
        return row.id

    async def row(self, image_id: str) -> Image:
        """An image as the database has it."""
        async with self.control.db.read() as session:
            return await session.get_one(Image, image_id)
