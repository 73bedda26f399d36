"""What the pages name exists: links, paths, modules, commands and settings."""

from __future__ import annotations

import importlib
import re
import shlex
from typing import Any

import pytest
from tests.docs import pages
from tests.docs.pages import PROJECT
from typer import Context
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from dsw.cli.main import app
from dsw.roles import Action
from dsw.settings import Settings
from workbench import arguments

PACKAGES = ("dsw", "dsw_agent", "dsw_control", "dsw_gateway", "dsw_server", "dsw_spawners")
FOLDERS = sorted({name.split("/")[0] for name in pages.files() if "/" in name})
ROOT_FILES = {name for name in pages.files() if "/" not in name}
CLI = get_command(app)
PAGES = pages.pages()
LABELS = {"installation", "kind", "id", "label"}
FILES = {"md", "log", "sqlite"}


def commands(group: Any = CLI, path: str = "dsw") -> dict[str, Any]:
    """Every command that does something, by its words."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found |= commands(command, f"{path} {name}")
        else:
            found[f"{path} {name}"] = command
    return found


def parse(words: list[str]) -> None:
    """Parse a `dsw` line as the command does, and run nothing. A name alone may stand for it."""
    command: Any = CLI
    context = Context(CLI, info_name="dsw")
    while isinstance(command, TyperGroup) and words:
        if words[0].startswith("--"):
            # Some options of a group act when they are parsed.
            assert words[0] in {option for each in command.params for option in each.opts}, words
            return
        _, command, words = command.resolve_command(context, words)
    if words:
        command.make_context(command.name, words, parent=context)


def resolve(dotted: str) -> None:
    """Import as much of the name as is a module, and look the rest up."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            fields = getattr(found, "model_fields", {})
            found = fields[part] if part in fields else getattr(found, part)
        return
    raise AssertionError(f"{dotted} cannot be imported")


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    for link in pages.links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / path if path else PROJECT / page
        assert target.exists(), link
        if anchor:
            assert anchor in pages.anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_the_project_exists(page: str) -> None:
    for span in pages.spans(page):
        name = span.split()[0]
        if name.split("/")[0] in FOLDERS and "/" in name:
            assert (PROJECT / name).exists(), span


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_name_of_the_code_exists(page: str) -> None:
    for span in pages.spans(page):
        if re.fullmatch(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+", span) and span != "dsw.toml":
            if span.startswith("dsw.") and span.split(".")[1] in LABELS:
                continue
            resolve(span)


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_is_named_exists(page: str) -> None:
    for span in pages.spans(page):
        section, _, key = span.partition(" = ")[0].partition(".")
        if span in set(Action):
            continue
        if re.fullmatch(r"[a-z_]+", key) and section in Settings.model_fields and key not in FILES:
            model = Settings.model_fields[section].annotation
            fields = getattr(model, "model_fields", None)
            if fields is not None:
                assert key in fields, span


@pytest.mark.parametrize("page", PAGES)
def test_every_line_that_calls_dsw_can_be_parsed(page: str) -> None:
    for line in pages.command_lines(page, "dsw"):
        parse(shlex.split(line)[1:])


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("script", ["up", "down"])
def test_every_line_that_calls_a_script_can_be_parsed(page: str, script: str) -> None:
    for line in pages.command_lines(page, f"scripts/{script}"):
        words = shlex.split(line)[1:]
        # A flag that the sentence only names has no value.
        valueless = {"--data-dir", "--port", "--host", "--engine", "--ca-file"}
        if words and words[-1] in valueless:
            words = words[:-1]
        arguments.parse([script, *words])


def test_every_command_and_option_of_dsw_is_documented() -> None:
    page = "docs/users/cli.md"
    lines = {" ".join(shlex.split(line)) for line in pages.command_lines(page, "dsw")}
    for name, command in commands().items():
        assert any(line == name or line.startswith(f"{name} ") for line in lines), name
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                # The default of a pair needs no mention.
                if option.startswith("--") and option not in ("--start", "--wait"):
                    assert option in pages.text(page), f"{name} {option}"


def test_the_line_parser_refuses_what_does_not_exist() -> None:
    wrong = ("instances frobnicate", "instances list --frobnicate", "snapshots create only-one")
    for line in (*wrong, "--frobnicate"):
        with pytest.raises((AssertionError, TyperException), match=r"(?i)frobnicate|missing"):
            parse(line.split())
