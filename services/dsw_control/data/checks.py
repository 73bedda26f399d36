"""Whether the data of a dataset can be reached from here, and the reason when not."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress

import obstore
from obstore.exceptions import BaseError

from dsw.base import Model
from dsw.beneath import open_beneath
from dsw.datasets import VersionView
from dsw.errors import DswError
from dsw.node_mounts import ObjectStore
from dsw_control.access import not_from_an_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import seen, version_of, version_view
from dsw_control.data.git_check import unreadable
from dsw_control.data.object_files import open_store
from dsw_control.data.places import Place, located, open_place, secret_repository, secret_store
from dsw_control.store.tables import DatasetVersion

SECONDS = 10.0
_FOLDERS = threading.BoundedSemaphore(8)
"""A folder of a NAS that is gone may hang whoever looks, for good: only so many ever do."""

_WHY = {
    errno.ENOENT: "There is no such folder.",
    errno.ENOTDIR: "It is not a folder.",
    errno.EXDEV: "A link on the way leads out of its storage class.",
    errno.ELOOP: "A link on the way cannot be followed.",
    errno.ESTALE: "The file server has lost the folder.",
}


class Reach(Model):
    """What a check found; `reachable` None: only a mount can tell."""

    reachable: bool | None
    message: str = ""


async def check_dataset(
    control: Control, caller: Caller, dataset_id: str, number: int | None = None
) -> VersionView:
    """Try to reach a version now, by default the newest, and write down what came of it."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await seen(session, caller, dataset_id)
        version = await version_of(session, row, number)
        place: Place | None = None
        try:
            place = await located(session, control, row, version)
            if place.store is not None:
                store = await secret_store(session, control, place)
                place = place.model_copy(update={"store": store})
            elif place.repository is not None:
                repository = await secret_repository(session, control, place)
                place = place.model_copy(update={"repository": repository})
        except DswError as error:
            found = Reach(reachable=False, message=error.sentence)
            place = None
    if place is not None:
        found = await reach(control, place)
    async with control.db.write() as session:
        version = await session.get_one(DatasetVersion, (version.dataset_id, version.number))
        version.reachable, version.check_message = found.reachable, found.message
        version.checked_at = control.clock()
    return version_view(version)


async def reach(control: Control, place: Place) -> Reach:
    """Look at a place; what opens it is in it."""
    if place.store is not None:
        return await _reach_store(place.store)
    if place.repository is not None:
        why = await unreadable(control.settings, place.repository)
        return Reach(reachable=not why, message=why)
    if place.claim:
        return Reach(reachable=None, message="Claims are there on Kubernetes only.")
    if place.host_folder is None:
        return Reach(
            reachable=None,
            message="The file server is mounted by instances only: a mount shows it.",
        )
    return await _reach_folder(place)


async def _reach_store(store: ObjectStore) -> Reach:
    try:
        async with asyncio.timeout(SECONDS):
            # The first page only.
            async for page in obstore.list(open_store(store), chunk_size=1):
                return Reach(reachable=True, message="" if page else _EMPTY)
    except (BaseError, OSError, ValueError) as error:
        # A timeout is an OSError, too. The answer's status is nowhere but in the text, which has
        # addresses in it and the store's own words.
        found = _STATUS.search(str(error))
        why = _STORE_SAYS.get(found[1] if found else "", "The object store does not answer.")
        return Reach(reachable=False, message=why.format(bucket=store.bucket))
    return Reach(reachable=True, message=_EMPTY)


_STATUS = re.compile(r"status code: (\d{3})")
_REFUSED = "The object store does not let us read it."
_STORE_SAYS = {"404": "There is no bucket {bucket!r}.", "403": _REFUSED, "401": _REFUSED}
_EMPTY = "There is nothing in it yet."


async def _reach_folder(place: Place) -> Reach:
    if not _FOLDERS.acquire(blocking=False):
        return Reach(reachable=None, message="Other checks still wait for a file server.")
    try:
        async with asyncio.timeout(SECONDS):
            await _beside(lambda: _look(place))
    except TimeoutError:
        return Reach(reachable=False, message="The file server does not answer.")
    except PermissionError:
        return Reach(
            reachable=None, message="Control itself may not look into it: a mount shows it."
        )
    except OSError as error:
        number = error.errno or 0
        return Reach(reachable=False, message=_WHY.get(number, f"{os.strerror(number)}."))
    return Reach(reachable=True)


def _look(place: Place) -> None:
    """Open and read the folder; blocks."""
    try:
        folder = open_place(place)
        try:
            inside = open_beneath(folder, "", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                with os.scandir(inside) as entries:
                    next(entries, None)
            finally:
                os.close(inside)
        finally:
            os.close(folder)
    finally:
        _FOLDERS.release()


async def _beside(look: Callable[[], None]) -> None:
    """Run it in a thread that nobody waits for at the end of control, however long it hangs."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: OSError | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: OSError | None = None
        try:
            look()
        except OSError as failure:
            error = failure
        with suppress(RuntimeError):  # The loop has ended meanwhile.
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, daemon=True, name="dataset-check").start()
    await done
