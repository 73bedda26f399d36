"""The routes for datasets and for what is mounted here, and what of a query goes on to control."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from dsw.errors import Invalid
from dsw_server.handler import Handler, parse

WAIT_MAX = 25.0
"""Seconds that one request waits: below what proxies on the way put up with."""

_PAGE = ("cursor", "limit")


class DataHandler(Handler):
    """Answers from control, asked with the parameters that a route knows."""

    def _asked(self, *names: str) -> dict[str, str]:
        """The parameters of the query that were given; Lab adds one against caches."""
        # Not stripped: a file's name may end in a space.
        given = {name: self.get_query_argument(name, None, strip=False) for name in names}
        return {name: value for name, value in given.items() if value}


class DatasetsHandler(DataHandler):
    """The datasets that may be mounted here."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A page of DatasetViews; may be narrowed by `name`, `label`, `kind`."""
        self.finish(await self.control.datasets(self._asked("name", "label", "kind", *_PAGE)))


class DatasetHandler(DataHandler):
    """One dataset."""

    @web.authenticated
    @authorized
    async def get(self, dataset_id: str) -> None:
        """DatasetView."""
        self.finish(await self.control.dataset(dataset_id))


class FilesHandler(DataHandler):
    """A folder of a dataset."""

    @web.authenticated
    @authorized
    async def get(self, dataset_id: str) -> None:
        """A page of FileEntries of the folder `path`."""
        asked = self._asked("path", "version", *_PAGE)
        self.finish(await self.control.dataset_files(dataset_id, asked))


class PreviewHandler(DataHandler):
    """The beginning of a file of a dataset."""

    @web.authenticated
    @authorized
    async def get(self, dataset_id: str) -> None:
        """Preview of the file `path`."""
        self.finish(await self.control.preview(dataset_id, self._asked("path", "version")))


class MountsHandler(DataHandler):
    """What is mounted in this instance."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A page of MountViews."""
        self.finish(await self.control.mounts(self._asked(*_PAGE)))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """MountCreate -> 201 MountView."""
        # Not sooner: pydantic would make every server start later.
        from dsw.mounts import MountCreate

        wanted = parse(MountCreate, self.request.body, "mount a dataset")
        mount = await self.control.add_mount(wanted)
        self.set_status(201)
        self.finish(mount)


class MountHandler(DataHandler):
    """One mount of this instance."""

    @web.authenticated
    @authorized
    async def get(self, mount_id: str) -> None:
        """MountView; with `wait`, after at most that many seconds of its being (un)mounted."""
        asked = self._asked("wait")
        self.finish(await self.control.mount(mount_id, _seconds(asked.get("wait", "0"))))

    @web.authenticated
    @authorized
    async def delete(self, mount_id: str) -> None:
        """MountView, or 204; with `force=true` also when processes hold it."""
        force = self._asked("force").get("force", "false")
        if force not in ("true", "false"):
            raise Invalid(f"{force!r} is not a choice.", "force is true or false.")
        mount = await self.control.remove_mount(mount_id, force == "true")
        if mount is None:
            self.set_status(204)
        self.finish(mount)


def _seconds(text: str) -> float:
    if not text.isdecimal():
        raise Invalid(
            f"{text!r} is not a number of seconds.", f"At most {WAIT_MAX:.0f} are waited."
        )
    return min(float(text), WAIT_MAX)
