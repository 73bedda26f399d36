"""`dsw images report`, `sbom`, `tag`, `restore`: what a saved image is, and starting the like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_image
from dsw.cli.instances import finish
from dsw.cli.options import Timeout, Wait
from dsw.cli.output import AsJson, show_fields, show_lines, show_one
from dsw.cli.saving import changes_text, findings_text, left_out_text
from dsw.errors import Invalid
from dsw.image_report import ImageReport, ImageReportView, ImageRestore
from dsw.images import ImageChange
from dsw.units import format_size

Key = Annotated[str, typer.Argument(metavar="IMAGE", help="Name or id.")]


def report(image: Key, as_json: AsJson = False) -> None:
    """Show what is in a saved image, what was left out, and what it was saved from."""
    with client() as api:
        item = api.image_report(find_image(api, image).id)
    show_fields(item, as_json, {**_made(item.report), **_found(item.report), **_was(item)})


def sbom(
    image: Key,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File. Default: standard output.")
    ] = None,
) -> None:
    """Write what is installed in a saved image, as a CycloneDX document."""
    with client() as api:
        content = api.image_sbom(find_image(api, image).id)
    if output is None:
        show_lines(content.decode().splitlines())
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error}.") from error


def tag(
    image: Key,
    tag: Annotated[
        str | None, typer.Argument(help="Taken from the image of the workspace that has it.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Take its tag away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give an image a tag of its workspace, or take it away."""
    if none is bool(tag):
        raise Invalid("Which tag?", "Give one, or --none.")
    with client() as api:
        item = api.change_image(find_image(api, image).id, ImageChange(tag=tag or ""))
    show_one(item, as_json, f"{item.name}  {item.id}  tag {item.tag or 'none'}")


def restore(
    image: Key,
    name: Annotated[
        str | None, typer.Option(help="Display name of the instance. Default: the image's.")
    ] = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it at once.")] = True,
    wait: Wait = True,
    timeout: Timeout = 600,
    as_json: AsJson = False,
) -> None:
    """Make an instance exactly as the one was that the image was saved from."""
    with client() as api:
        body = ImageRestore(display_name=name, start=start)
        item = api.restore_image(find_image(api, image).id, body)
        finish(api, item, wait and start, timeout, as_json)


def _made(report: ImageReport) -> dict[str, str]:
    return {
        "mode": report.mode.value,
        "paused": f"{report.frozen_ms} ms" if report.frozen_ms else "",
        "shipped": format_size(report.size),
        "on top of": report.since or "",
        "squashed": "older layers were put together" if report.squashed else "",
    }


def _found(report: ImageReport) -> dict[str, str]:
    return {
        "packages": f"{len(report.packages)} (all of them: dsw images sbom)",
        "changed": changes_text(report.changes),
        "left out": left_out_text(report.left_out, report.more_left_out),
        "secrets?": findings_text(report),
        "code": "\n".join(
            f"{each.path}: {each.commit[:12]} {each.branch} {each.remote}".rstrip()
            for each in report.repositories
        ),
    }


def _was(item: ImageReportView) -> dict[str, str]:
    was = item.restore
    return {
        "snapshot": item.snapshot_id,
        "digest": was.image_digest,
        "base": was.base_digest,
        "spec": was.spec,
        "group": was.resource_group,
        "code source": was.code_source or "",
        "mounts": "\n".join(
            f"{each.target}{' (read-only)' if each.read_only else ''}" for each in was.mounts
        ),
        "variables": ", ".join(was.environment),
    }


def install(app: typer.Typer) -> None:
    """Put these commands beside those of the catalog."""
    for name, command in (("report", report), ("sbom", sbom), ("tag", tag), ("restore", restore)):
        app.command(name)(command)
