"""Where code in an instance finds its workbench, and how it saves the instance that it runs in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from dsw.client import Client
from dsw.errors import Invalid, NotFound
from dsw.image_report import Forecast
from dsw.snapshot_handle import SnapshotHandle
from dsw.snapshots import SnapshotAsk, SnapshotCreate

ENVIRONMENT = Path("/run/dsw/environment")
"""What the instance was started with, for code whose environment was cleaned (`sudo`, cron)."""

SERVICE = "/services/dsw"
_NAMES = ("DSW_CONTROL_URL", "DSW_INSTANCE_ID", "JUPYTERHUB_API_TOKEN")

SAVE_ELSEWHERE = "Elsewhere, save one with: dsw snapshots create INSTANCE NAME"
_REFUSED = "This instance cannot be saved so"

M = TypeVar("M", bound=BaseModel)


def snapshot(  # noqa: PLR0913  keywords for people, as in the dialog
    name: str,
    *,
    description: str = "",
    mode: str = "consistent",
    exclude: Iterable[str] = (),
    tag: str | None = None,
    full: bool = False,
    wait: bool = True,
) -> SnapshotHandle:
    """Save this instance as an image of that name (1 to 100 characters, any script).

    `mode` is `consistent` (the image is the instance at one moment, for which it stands still well
    below a second) or `live` (nothing stands still). `exclude` are paths to leave out this time:
    glob patterns, with a leading slash of the whole path, otherwise of its end. `tag` is a name
    that moves to the new image. `full` ships all changes again, not only those since the last
    snapshot.

    With `wait` progress is shown until the image is in the catalog; who interrupts it cancels the
    snapshot. Without, the handle that comes back follows it. Raises `Invalid` for an argument that
    cannot be, `NotFound` outside an instance, `Conflict` when it cannot be saved or was not, and
    `Unavailable` when the workbench does not answer.
    """
    if isinstance(exclude, str):
        exclude = [exclude]
    asked = {"description": description, "mode": mode, "tag": tag, "full": full}
    body = checked(SnapshotCreate, _REFUSED, name=name, exclude=list(exclude), **asked)
    client, instance_id = connect()
    with ExitStack() as unless_started:
        unless_started.enter_context(client)
        handle = SnapshotHandle(client, client.create_snapshot(instance_id, body))
        unless_started.pop_all()
    return handle.finish() if wait else handle


def forecast(*, exclude: Iterable[str] = (), full: bool = False) -> Forecast:
    """What `snapshot` would ship now: bytes, entries, biggest folders, package changes, and what
    is left out and why. Raises as `snapshot` does."""
    if isinstance(exclude, str):
        exclude = [exclude]
    body = checked(SnapshotAsk, _REFUSED, exclude=list(exclude), full=full)
    client, instance_id = connect()
    with client:
        return client.forecast_snapshot(instance_id, body)


def connect(
    environ: Mapping[str, str] = os.environ,
    file: Path = ENVIRONMENT,
    elsewhere: str = SAVE_ELSEWHERE,
) -> tuple[Client, str]:
    """A client with the instance's own token, and the instance's id; elsewhere `NotFound`, which
    says what to do there."""
    found = _complete(environ) or _complete(_kept(file))
    if found is None:
        raise NotFound("This code does not run in an instance of a workbench.", elsewhere)
    url, instance_id, token = found
    return Client(url.rstrip("/").removesuffix(SERVICE), token, direct=True), instance_id


def _complete(values: Mapping[str, str]) -> list[str] | None:
    found = [values.get(name, "") for name in _NAMES]
    return found if all(found) else None


def _kept(file: Path) -> dict[str, str]:
    try:
        values = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def checked(kind: type[M], refusal: str, **values: object) -> M:
    """A request of these values; `Invalid` begins with the refusal and names each wrong one."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise Invalid(f"{refusal}: {wrong}.") from None
