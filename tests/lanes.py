"""Which tests that need the engine may run at the same time, each lane in a process of its own.

The tests of a lane share a workbench, images and names in the engine; two lanes share neither.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

ON_THE_WORKBENCH = "tests/chain"
ON_ITS_OWN = frozenset({"apply", "custom_images", "on_postgresql", "with_registry"})
"""Modules of the chain that bring up what they need themselves."""

WITH_A_BED = frozenset({"snapshot_faults"})
"""Modules that share the workbench whose registry breaks."""


def lane_of(nodeid: str) -> str:
    """The lane of a test: its package's, but for some modules of the chain."""
    path = PurePosixPath(nodeid.partition("::")[0])
    module = path.stem.removeprefix("test_")
    if str(path.parent) == ON_THE_WORKBENCH:
        if module in ON_ITS_OWN:
            return str(path)
        if module in WITH_A_BED:
            return "the bed"
    return str(path.parent)


class Lanes(LoadScopeScheduling):
    """Gives each free process a whole lane, those with the most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)
