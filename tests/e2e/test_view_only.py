"""JupyterLab in the browser of somebody who may only look."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from tests.dsw_server.visited_server import visited_server
from tests.e2e.windows import Windows

pytestmark = pytest.mark.e2e

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "first",
            "execution_count": 1,
            "metadata": {},
            "source": "print(6 * 7)",
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "42\n"}],
        }
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_a_viewer_reads_a_notebook_and_is_told_why_nothing_else_works(
    windows: Windows, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("viewed")
    with visited_server(folder, JUPYTERHUB_ALLOW_TOKEN_IN_URL="1") as server:
        server.answers.access = {"victor": "view"}
        book = server.home / "book.ipynb"
        book.write_text(json.dumps(NOTEBOOK))
        page = windows.open()
        lab = f"http://127.0.0.1:{server.port}/user/alice/train/lab"
        page.goto(f"{lab}/tree/book.ipynb?token=victor")

        expect(page.locator(".jp-OutputArea-output")).to_have_text("42")
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)
        expect(page.locator(".dsw-ResourceStatus")).to_contain_text("CPU")
        dialog = page.locator(".jp-Dialog-content")
        expect(dialog).to_have_count(0)

        page.locator(".jp-CodeCell .cm-content").click()
        page.keyboard.insert_text("# changed")
        page.keyboard.press("Control+s")
        expect(dialog).to_contain_text("You have view access to this instance")
        dialog.get_by_role("button", name="Close").click()

        page.get_by_title("New Launcher").first.click()
        page.locator(".jp-LauncherCard", has_text="Terminal").click()
        expect(dialog).to_contain_text("You have view access to this instance")
        assert json.loads(book.read_text()) == NOTEBOOK
        assert server.ask("alice", "GET", "api/terminals").json() == []
        assert server.ask("alice", "GET", "api/sessions").json() == []
