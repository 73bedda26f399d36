"""Limits of homes and shared folders: enforced where the file system can, else only reported."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests import small_kernels
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.limited_homes import Isolated, report, start
from tests.dsw_control.starts import ROOMY

from dsw.names import slug
from dsw.usage import FolderUse
from dsw_control.context import Control
from dsw_control.records import project_quotas
from dsw_control.records.folder_limits import folder_of
from dsw_control.records.measuring import measure

MIB = 1024**2


def test_a_file_system_without_quotas_says_so() -> None:
    folder = os.open("/proc", os.O_RDONLY)
    try:
        assert "no project quotas" in project_quotas.why_not(folder)
    finally:
        os.close(folder)


@pytest.mark.parametrize(
    ("storage", "why"),
    [
        ({"kind": "nfs", "nfs_server": "nas", "nfs_path": "/export"}, "NFS server"),
        ({"root": "/nonexistent/nas"}, "cannot be opened"),
        ({"root": "/proc"}, "no project quotas"),
    ],
)
async def test_limits_that_are_only_reported_say_why(
    make_control: MakeControl, storage: dict[str, Any], why: str
) -> None:
    control: Control = await make_control(**ROOMY, storage={"home_quota": MIB, **storage})
    control.engine = Isolated(control.settings)
    assert why in (await report(control))["why_not"]


async def test_a_limit_that_is_not_enforced_is_shown_with_what_was_measured(
    make_control: MakeControl, tmp_path: Path
) -> None:
    control: Control = await make_control(**ROOMY, storage={"home_quota": MIB})
    home = await start(control, "ada", "one")
    assert home.name == slug("ada")
    assert str(home).endswith(folder_of(home.parent.parent.name, "ada"))
    (home / "file").write_bytes(os.urandom(2 * MIB))
    await measure(control)
    seen = await report(control)
    assert "local processes" in seen["why_not"]
    folder: FolderUse = seen["ada"]
    assert not folder.enforced
    assert (folder.used or 0) > 2 * MIB
    assert folder.limit == MIB


@pytest.mark.timeout(900)
def test_all_this_holds_where_a_kernel_has_quotas(tmp_path: Path) -> None:
    checks = Path(__file__).with_name("quotas_in_a_kernel.py")
    printed = small_kernels.run_pytest([str(checks), "-k", "'not postgresql'"], tmp_path)
    assert re.search(r"= \d\d passed, \d+ deselected in", printed), printed
