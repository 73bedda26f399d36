"""Which object a person means: by id, or by the name that they see."""

from __future__ import annotations

from dsw.client import Client
from dsw.errors import Invalid, NotFound
from dsw.images import ImageSource, ImageView
from dsw.instances import InstanceView


def find_instance(client: Client, key: str) -> InstanceView:
    """The instance with this id, name or display name."""
    items = client.instances()
    for item in items:
        if key in (item.id, item.name):
            return item
    named = [item for item in items if item.display_name == key]
    if len(named) == 1:
        return named[0]
    if named:
        names = ", ".join(item.name for item in named)
        raise Invalid(f"Several instances are called {key!r}.", f"Use one of the names: {names}.")
    if key.startswith("dsw-"):
        return client.instance(key)
    known = ", ".join(item.name for item in items) or "none"
    raise NotFound(f"You have no instance {key!r}.", f"Yours: {known}.")


def find_image(client: Client, key: str) -> ImageView:
    """The image with this id or name; without a key the first official one."""
    items = client.images()
    if not key:
        for item in items:
            if item.source is ImageSource.OFFICIAL and item.available:
                return item
    for item in items:
        if item.id == key:
            return item
    named = [item for item in items if item.name == key]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(item.id for item in named)
        raise Invalid(f"Several images are called {key!r}.", f"Use one of the ids: {ids}.")
    known = ", ".join(item.name for item in items) or "none"
    raise NotFound(f"There is no image {key!r} in the catalog.", f"There are: {known}.")
