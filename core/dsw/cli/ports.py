"""`dsw ports`: what can be opened in an instance, with its addresses."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urljoin

import typer

from dsw.base import View
from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.output import AsJson, show
from dsw.errors import Conflict
from dsw.instances import IS_UP, InstanceView


class Address(View):
    """An app by its name, or an open port."""

    name: str
    program: str
    url: str


def ports(
    key: Annotated[
        str, typer.Argument(metavar="INSTANCE", help="Name, display name, OWNER/NAME or id.")
    ],
    as_json: AsJson = False,
) -> None:
    """List the apps and open ports of an instance, and where to open them."""
    with client() as api:
        # By its id it comes as it is now, also one that another shares.
        item = api.instance(find_instance(api, key).id)
        items = addresses(api.url, item)
    columns = {
        "NAME": lambda address: address.name,
        "PROGRAM": lambda address: address.program,
        "URL": lambda address: address.url,
    }
    show(items, columns, as_json, f"{item.name} has no apps, and no port is open in it.")


def addresses(hub: str, item: InstanceView) -> list[Address]:
    """All that the instance told of; `hub` is the hub's public address. `Conflict` when it told
    nothing."""
    if item.endpoints is None:
        if item.state in IS_UP:
            raise Conflict(
                f"{item.name} has not told yet what is open in it.", "Try again in some seconds."
            )
        raise Conflict(f"{item.name} is {item.state}.", "Start it: dsw instances start INSTANCE")
    base = urljoin(hub, item.url)
    return [
        *(
            Address(name=app.name, program=app.title, url=f"{base}{app.path}")
            for app in item.endpoints.apps
        ),
        *(
            Address(name=str(one.port), program=one.process, url=f"{base}proxy/{one.port}/")
            for one in item.endpoints.ports
        ),
    ]
