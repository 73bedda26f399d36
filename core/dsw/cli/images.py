"""`dsw images build`: builds the images of this project, and shows how far a build is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from dsw.errors import DswError
from dsw.images_build import Builder, BuildOptions, Step, find_catalog
from dsw.settings import load

LINE_WIDTH = 120

app = typer.Typer(
    help="The image catalog, and how its official images are built.", no_args_is_help=True
)


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Which images. None: all.")] = None,
    base_image: Annotated[
        str, typer.Option(help="The Debian or Ubuntu image to start from, with Python >= 3.11.")
    ] = BuildOptions().base_image,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            help="Extra CA certificates (PEM) for the build. Default: images.ca_file of dsw.toml, "
            "then the .crt files in images/certs."
        ),
    ] = None,
    keep_ca: Annotated[
        bool, typer.Option("--keep-ca", help="Leave the extra CA certificates in the image.")
    ] = False,
    tag_prefix: Annotated[
        str, typer.Option(help="The images are called PREFIX/NAME:latest.")
    ] = BuildOptions().tag_prefix,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Build all anew, whatever did not change.")
    ] = False,
    wheel: Annotated[
        Path | None,
        typer.Option(help="The project's wheel. Default: made from the checkout."),
    ] = None,
) -> None:
    """Build images on the container engine of this host; what did not change is left alone."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        options = BuildOptions(
            base_image=base_image,
            tag_prefix=tag_prefix,
            ca_files=_ca_files(ca_file),
            keep_ca=keep_ca,
            cache=not no_cache,
            wheel=wheel,
        )
        _build_all(names or [], options, console)
    except DswError as error:
        console.print(error.sentence, style="red", markup=False)
        raise typer.Exit(1) from error


def _ca_files(given: Path | None) -> tuple[Path, ...]:
    if given is None and (configured := load().images.ca_file):
        given = Path(configured)
    return () if given is None else (given,)


def _build_all(names: list[str], options: BuildOptions, console: Console) -> None:
    catalog = find_catalog()
    chosen = catalog.chosen(names)
    with _Progress(console).shown("images") as progress:
        builder = Builder(catalog, options, progress.say)
    for name in chosen:
        with _Progress(console).shown(name) as progress:
            outcome = builder.build(name, progress.step)
            took = progress.elapsed if outcome.built else "nothing changed"
        size = f"{outcome.size / 1e6:,.0f} MB"
        console.print(f"{name:10} {took:>15}  {size:>9}  {outcome.reference}", markup=False)


class _Progress:
    """A status line on a terminal; elsewhere one line for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._what = ""
        self._status: Status | None = None

    @property
    def elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes}:{seconds:02}"

    @contextmanager
    def shown(self, what: str) -> Iterator[_Progress]:
        self._what = what
        if self._console.is_terminal:
            with self._console.status(what) as self._status:
                yield self
        else:
            yield self

    def step(self, step: Step) -> None:
        self.say(f"{step.stage} {step.number}/{step.total}  {step.text}".strip())

    def say(self, text: str) -> None:
        width = self._console.width if self._console.is_terminal else LINE_WIDTH
        shown = f"{self._what:10} {self.elapsed:>5}  {text}"
        if len(shown) > width - 2:
            shown = f"{shown[: width - 5]}..."
        if self._status is None:
            self._console.print(shown, markup=False)
        else:
            self._status.update(escape(shown))
