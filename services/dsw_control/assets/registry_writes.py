"""What control itself changes in a registry: a try at pushing, tags, and manifests that go."""

from __future__ import annotations

from dsw.errors import Invalid, Unavailable
from dsw.references import ImageReference
from dsw_control.assets.registry import Registry

GONE = frozenset({200, 202, 404})
REFUSED = frozenset({400, 401, 403, 405})


async def check_push(there: Registry, host: str, repository: str) -> None:
    """Begin an upload and take it back; `Invalid` when the registry lets nobody push there with
    this credential."""
    answer = await there.call("POST", f"{repository}/blobs/uploads/")
    if answer is not None and answer.status == 202:
        place = answer.headers.get("location", "")
        if place:
            await there.call("DELETE", place)
        return
    status = 0 if answer is None else answer.status
    if status in (401, 403):
        raise Invalid(
            f"The registry {host} does not let us push to {repository}.",
            "Name a credential for it whose user may write there.",
        )
    if status in (400, 404, 405):
        raise Invalid(
            f"The registry {host} cannot take images as {repository}: it answered {status}.",
            "Make the project or repository there, or correct its name.",
        )
    raise Unavailable(f"The registry {host} answered {status}.", "Try again later.")


async def set_tag(there: Registry, pinned: ImageReference, tag: str) -> int:
    """Give a manifest, named by its digest, one more tag; the status that the registry answered."""
    kind, body = await there.manifest(pinned)
    answer = await there.call("PUT", f"{pinned.repository}/manifests/{tag}", kind, body)
    return 0 if answer is None else answer.status


async def delete(there: Registry, reference: ImageReference) -> int:
    """Delete a manifest by its digest, or a tag where the registry can; the status."""
    name = reference.tag or reference.digest
    answer = await there.call("DELETE", f"{reference.repository}/manifests/{name}")
    return 0 if answer is None else answer.status
