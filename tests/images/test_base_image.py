"""The base image: JupyterLab with this project's extension, and the tools of a shell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.images.builds import run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

TOOLS = "bash bzip2 curl file git htop ip jq less nano pip ps rsync ssh sudo unzip vi wget xz zip"


def test_the_tools_are_there(base: str) -> None:
    found = run(base, "which", *TOOLS.split()).splitlines()
    assert [Path(path).name for path in found] == TOOLS.split()


def test_lab_has_the_workbenchs_extension_and_asks_for_no_news(base: str) -> None:
    listed = run(base, "sh", "-c", "jupyter labextension list 2>&1")
    assert re.search(r"^\s*jupyterhub-dsw v\S+ .*enabled.*OK", listed, re.MULTILINE), listed
    disabled = listed.partition("Disabled extensions:")[2]
    assert disabled.split() == ["@jupyterlab/apputils-extension:announcements"]


def test_lab_and_widgets_can_be_imported(base: str) -> None:
    run(base, "python", "-c", "import ipywidgets, jupyterlab, jupyter_server_proxy, dsw_server")


def test_people_can_make_an_environment_of_their_own(base: str) -> None:
    made = run(base, "sh", "-c", "/usr/bin/python3 -m venv ~/mine && ~/mine/bin/pip --version")
    assert "/mnt/workspace/mine" in made
