"""A workbench without a container engine says so, and works as far as that goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.e2e.console_page import Console
from tests.e2e.windows import Windows
from tests.workbenches import TestBench

# The engine is not used; the clean-up of a test's workbench looks there nevertheless.
pytestmark = [pytest.mark.e2e, pytest.mark.docker]


@pytest.fixture
def process_workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBench]:
    """A workbench whose instances are local processes."""
    bench = TestBench(tmp_path_factory.mktemp("e2e-process"), "e2eprocess")
    bench.up("--engine", "process")
    yield bench
    for item in bench.admin.get("instances")["items"]:
        bench.admin.delete(item["id"])
    bench.down()


def test_the_console_says_that_instances_are_local_processes(
    process_workbench: TestBench, windows: Windows
) -> None:
    console = Console(windows.open(), process_workbench.url)
    console.log_in("admin", process_workbench.admin_password)
    banner = console.page.get_by_role("alert")
    expect(banner).to_contain_text("local processes here, without isolation and without images")
    console.new_instance("Just a process", "tiny")
    console.is_in("just-a-process", "Running")
    save = console.row("just-a-process").get_by_role("button", name="Save as image")
    expect(save).to_be_disabled()
