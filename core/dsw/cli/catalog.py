"""`dsw images list` and what is done with an image of the catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_credential, find_image, find_workspace
from dsw.cli.options import OfWorkspace, Workspace, Yes
from dsw.cli.output import AsJson, console, show, show_fields, show_one, when
from dsw.client import Client
from dsw.images import (
    CredentialKind,
    ImageAdd,
    ImageChange,
    ImageFilter,
    ImageLabels,
    ImageSource,
    ImageUse,
    ImageView,
    Visibility,
)
from dsw.units import format_size

Key = Annotated[str, typer.Argument(metavar="IMAGE", help="Name or id.")]
Description = Annotated[str | None, typer.Option(help="What is in it.")]
Seen = Annotated[Visibility | None, typer.Option(help="Who sees it.")]
Framework = Annotated[str | None, typer.Option(help="Label: such as `PyTorch 2.9`.")]
Python = Annotated[str | None, typer.Option(help="Label: version of Python.")]
Cuda = Annotated[str | None, typer.Option(help="Label: version of CUDA.")]
System = Annotated[str | None, typer.Option("--os", help="Label: the system it is made from.")]


def list_(
    name: Annotated[str | None, typer.Option(help="A part of the name.")] = None,
    source: Annotated[ImageSource | None, typer.Option(help="Where they come from.")] = None,
    visibility: Seen = None,
    framework: Framework = None,
    python: Python = None,
    cuda: Cuda = None,
    os: System = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """List the catalog: official images, your own, and those shared with you."""
    with client() as api:
        wanted = ImageFilter(
            workspace=workspace and find_workspace(api, workspace).id,
            name=name,
            source=source,
            visibility=visibility,
            framework=framework,
            python=python,
            cuda=cuda,
            os=os,
        )
        items = api.images(wanted)
    _show(items, as_json, "The catalog is empty. An administrator runs: dsw images build")


def add(
    name: Annotated[str, typer.Argument(help="Its name in the catalog.")],
    reference: Annotated[
        str, typer.Argument(help="[HOST[:PORT]/]REPOSITORY[:TAG or @DIGEST] in a registry.")
    ],
    credential: Annotated[
        str, typer.Option(help="Name or id of the registry credential that opens it.")
    ] = "",
    description: Description = None,
    visibility: Seen = None,
    framework: Framework = None,
    python: Python = None,
    cuda: Cuda = None,
    os: System = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Add an image from a registry; it is pinned to the digest that it has now."""
    with client() as api:
        place = find_workspace(api, workspace).id
        body = ImageAdd(
            workspace=place,
            name=name,
            reference=reference,
            description=description or "",
            credential=_credential(api, credential, place),
            labels=_labels(ImageLabels(), framework, python, cuda, os),
            visibility=visibility or Visibility.PRIVATE,
        )
        item = api.add_image(body)
    show_one(item, as_json, _line(item))


def change(
    image: Key,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    description: Description = None,
    visibility: Seen = None,
    framework: Framework = None,
    python: Python = None,
    cuda: Cuda = None,
    os: System = None,
    as_json: AsJson = False,
) -> None:
    """Change what is said of an image, or who sees it."""
    with client() as api:
        item = api.image(find_image(api, image).id)
        body = ImageChange(
            name=name,
            description=description,
            visibility=visibility,
            labels=_labels(item.labels, framework, python, cuda, os),
        )
        item = api.change_image(item.id, body, if_unchanged=True)
    show_one(item, as_json, _line(item))


def check(image: Key, as_json: AsJson = False) -> None:
    """Look again at what an image is, and whether an instance can run from it."""
    with client() as api:
        item = api.check_image(find_image(api, image).id)
    show_one(item, as_json, _line(item))


def show_image(image: Key, as_json: AsJson = False) -> None:
    """Show all of an image."""
    with client() as api:
        item = api.image(find_image(api, image).id)
    fields = {
        "name": item.name,
        "tag": item.tag or "",
        "description": item.description,
        "id": item.id,
        "source": item.source.value,
        "owner": item.owner or "",
        "seen by": item.visibility.value,
        "reference": item.reference,
        "digest": item.digest,
        "platform": item.platform,
        "size": _size(item),
        "runs": _use(item),
        **item.labels.model_dump(),
        "created": when(item.created_at),
    }
    show_fields(item, as_json, fields)


def usage(image: Key, as_json: AsJson = False) -> None:
    """Show who uses an image; one that is used cannot be deleted."""
    with client() as api:
        item = find_image(api, image)
        used = api.image_usage(item.id)
    fields = {"instances": ", ".join(used.instances), "images": ", ".join(used.children)}
    if not as_json and not any(fields.values()):
        console.print(f"Nothing uses {item.name}.", markup=False)
        return
    show_fields(used, as_json, fields)


def lineage(image: Key, as_json: AsJson = False) -> None:
    """Show what an image grew from, the oldest first, and what grew from it."""
    with client() as api:
        items = api.image_lineage(find_image(api, image).id)
    _show(items, as_json, "Nothing is known of where it comes from.")


def delete(image: Key, yes: Yes = False) -> None:
    """Delete an image that nothing uses."""
    with client() as api:
        item = find_image(api, image)
        if not yes:
            typer.confirm(f"Delete the image {item.name!r} ({item.id})?", abort=True)
        api.delete_image(item.id)
    console.print(f"{item.name} is deleted.", markup=False)


def _credential(api: Client, key: str, workspace_id: str) -> str | None:
    return find_credential(api, key, workspace_id, CredentialKind.REGISTRY).id if key else None


def _labels(
    labels: ImageLabels, framework: str | None, python: str | None, cuda: str | None, os: str | None
) -> ImageLabels | None:
    """The labels with what is given in them; None when nothing is."""
    given = {"framework": framework, "python": python, "cuda": cuda, "os": os}
    update = {key: value for key, value in given.items() if value is not None}
    return ImageLabels.model_validate({**labels.model_dump(), **update}) if update else None


def _show(items: list[ImageView], as_json: bool, empty: str) -> None:
    names = {item.id: item.name for item in items}
    columns = {
        "NAME": lambda item: item.name,
        "TAG": lambda item: item.tag or "",
        "SOURCE": lambda item: item.source.value,
        "SEEN BY": lambda item: item.visibility.value,
        "RUNS": _use,
        "SIZE": _size,
        "FROM": lambda item: names.get(item.parent_id, item.parent_id or ""),
        "LABELS": lambda item: ", ".join(
            text for text in item.labels.model_dump().values() if text
        ),
        "CREATED": lambda item: when(item.created_at),
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, empty)


def _size(item: ImageView) -> str:
    return "" if item.size is None else format_size(item.size)


def _use(item: ImageView) -> str:
    words = {ImageUse.INSTANCE: "instances, jobs", ImageUse.JOB: "jobs only"}
    return words.get(item.use, "not checked")


def _line(item: ImageView) -> str:
    return f"{item.name}  {item.id}  {item.digest}  runs: {_use(item)}  {item.hint}".rstrip()


def install(app: typer.Typer) -> None:
    """Put these commands beside `dsw images build`."""
    for name, command in (
        ("list", list_),
        ("show", show_image),
        ("add", add),
        ("change", change),
        ("check", check),
        ("usage", usage),
        ("lineage", lineage),
        ("delete", delete),
    ):
        app.command(name)(command)
