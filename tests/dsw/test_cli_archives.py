"""`dsw images export` and `import` against a running control, over a road that breaks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.dsw.terminals import Terminal, running_control
from tests.dsw_control.saving import Helpers
from tests.polling import eventually

from dsw.archives import ARCHIVE, ArchiveRequest, ArchiveResult, ArchiveStep
from dsw.image_config import CONTRACT, ENTRY_POINT, LABEL_INSTANCE, RunConfig, read_config
from dsw.lifecycle import ContainerView
from dsw.transfers import ImageImport
from dsw_control.context import Control
from dsw_control.engines.base import EngineImage, HelperStatus
from dsw_control.engines.docker_archives import archive_file, work_folder

NUMBERS = count(1)
CONTENT = os.urandom(4 * 2**20)
CONFIG = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"Entrypoint": [ENTRY_POINT], "Labels": {LABEL_INSTANCE: CONTRACT}},
}


class Shelf:
    """Helpers that make and read archives of one content; `error` is what they fail with."""

    def __init__(self, control: Control) -> None:
        self._settings = control.settings
        self._steps: dict[str, ArchiveStep] = {}
        self.error = ""
        self.read: list[bytes] = []

    async def start(self, transfer_id: str, asked: ArchiveRequest, auth: str) -> None:
        """Do it at once."""
        self._steps[transfer_id] = asked.step
        folder = work_folder(self._settings, transfer_id)
        folder.mkdir(parents=True, exist_ok=True)
        if asked.step is ArchiveStep.PACK:
            (folder / ARCHIVE).write_bytes(CONTENT)
        if asked.step is ArchiveStep.UNPACK:
            self.read.append(archive_file(self._settings, transfer_id).read_bytes())

    async def status(self, transfer_id: str) -> HelperStatus | None:
        """It has ended."""
        step = self._steps.get(transfer_id)
        result = ArchiveResult(error=self.error, config=json.dumps(CONFIG))
        return step and HelperStatus(step=step, result=result)

    async def remove(self, transfer_id: str) -> None:
        """Nothing else is kept."""
        self._steps.pop(transfer_id, None)

    async def ids(self) -> list[str]:
        """Those that were started."""
        return list(self._steps)


class ShelfEngine(Helpers):
    """Has every image, and a shelf of archives."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self.archives = Shelf(control)
        self.saved = ""

    async def platform(self) -> str:
        """That of the archives."""
        return "linux/amd64"

    async def image(self, reference: str) -> EngineImage | None:
        """All are there, and instances can run from them."""
        run = RunConfig(Entrypoint=[ENTRY_POINT], Labels={LABEL_INSTANCE: CONTRACT})
        return EngineImage(digest=reference, size=7, config=read_config("linux", "amd64", run))


@pytest.fixture(scope="module")
def engines() -> list[ShelfEngine]:
    """The engine, once control runs."""
    return []


@pytest.fixture(scope="module")
def control_url(
    engines: list[ShelfEngine], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a control process answers that has this engine."""

    def make(control: Control) -> ShelfEngine:
        engines.append(ShelfEngine(control))
        return engines[0]

    with running_control(tmp_path_factory.mktemp("control"), make) as url:
        yield url


@pytest.fixture
def shelf(control_url: str, engines: list[ShelfEngine], monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """What makes and reads archives."""
    monkeypatch.setattr("dsw.cli.pieces.PIECE", 2**20)
    found = engines[0].archives
    found.error = ""
    found.read.clear()
    return found


@pytest.fixture
def saved(dsw: Terminal, engines: list[ShelfEngine], shelf: Shelf) -> str:
    """The id of an image that was saved from an instance."""
    engine = engines[0]
    if engine.saved:
        return engine.saved
    made = dsw.json("instances", "create", f"box-{next(NUMBERS)}", "--spec", "small", "--no-wait")
    engine.boxes[made["id"]] = ContainerView.RUNNING
    with dsw.client() as api:
        assert eventually(lambda: api.instance(made["id"]).state == "Running", 20)
        dsw.ok("snapshots", "create", made["id"], "saved", "--no-wait")
        assert eventually(lambda: list(engine.helpers), 20)
        [snapshot] = engine.helpers
        engine.make(snapshot)
        assert eventually(lambda: api.snapshot(snapshot).image_id, 20)
        api.delete_instance(made["id"])
        engine.saved = api.snapshot(snapshot).image_id or ""
    return engine.saved


def test_an_image_is_written_to_a_file_and_another_export_uses_the_same_archive(
    dsw: Terminal, saved: str, tmp_path: Path
) -> None:
    file = tmp_path / "saved.tar"
    assert f"saved is in {file} (4 MiB)." in dsw.ok("images", "export", saved, "-o", str(file))
    assert file.read_bytes() == CONTENT
    first = dsw.json("images", "export", saved, "-o", str(file))
    again = dsw.json("images", "export", saved, "-o", str(file))
    assert first["id"] == again["id"]
    assert [path.name for path in tmp_path.iterdir()] == ["saved.tar"]


def test_an_export_over_a_breaking_road_goes_on_where_it_was(
    dsw: Terminal, saved: str, broken: list[int], tmp_path: Path
) -> None:
    broken += [1_000_000, 2_000_000]
    file = tmp_path / "saved.tar"
    dsw.ok("images", "export", saved, "-o", str(file))
    assert broken == []
    assert file.read_bytes() == CONTENT


def test_a_partial_file_of_an_earlier_try_is_gone_on_with(
    dsw: Terminal, saved: str, tmp_path: Path
) -> None:
    with dsw.client() as api:
        item = api.export_image(saved)
        assert eventually(lambda: api.transfer(item.id).state == "Ready", 20)
    file = tmp_path / "saved.tar"
    part = tmp_path / f"saved.tar.{item.id}.part"
    # Had it begun anew, the mark would be gone.
    part.write_bytes(b"mark" + CONTENT[4:1000])
    dsw.ok("images", "export", saved, "-o", str(file))
    assert file.read_bytes() == b"mark" + CONTENT[4:]
    assert not part.exists()


def test_a_place_that_cannot_be_written_is_told(dsw: Terminal, saved: str, tmp_path: Path) -> None:
    said = dsw.refused("images", "export", saved, "-o", str(tmp_path / "nowhere" / "x.tar"))
    assert "cannot be written" in said


def test_an_export_that_fails_says_why(
    dsw: Terminal, saved: str, shelf: Shelf, tmp_path: Path
) -> None:
    with dsw.client() as api:
        for item in api.transfers():
            api.end_transfer(item.id)
    shelf.error = "There is no room left."
    said = dsw.refused("images", "export", saved, "-o", str(tmp_path / "x.tar"))
    assert "There is no room left." in said
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """A file to import."""
    file = tmp_path / "other.tar"
    file.write_bytes(CONTENT)
    return str(file)


def test_a_file_becomes_an_image(dsw: Terminal, shelf: Shelf, archive: str) -> None:
    line = dsw.ok("images", "import", archive, "--name", "from a file", "--tag", "moved")
    assert re.match(r"from a file  img-\w+\n", line)
    assert shelf.read == [CONTENT]
    shown = dsw.json("images", "show", "from a file")
    assert (shown["source"], shown["tag"], shown["use"]) == ("custom", "moved", "instance")
    dsw.ok("images", "tag", "from a file", "--none")
    assert dsw.json("images", "show", "from a file")["tag"] is None
    assert dsw.json("images", "tag", "from a file", "again")["tag"] == "again"
    assert "Give one, or --none." in dsw.refused("images", "tag", "from a file")


def test_an_import_over_a_breaking_road_goes_on_where_it_was(
    dsw: Terminal, shelf: Shelf, broken: list[int], archive: str
) -> None:
    broken += [1_500_000, 700_000, 900_000]
    dsw.ok("images", "import", archive, "--name", "over a breaking road")
    assert broken == []
    assert shelf.read == [CONTENT]


def test_an_import_that_was_cut_off_is_gone_on_with_later(
    dsw: Terminal, shelf: Shelf, archive: str
) -> None:
    body = ImageImport(name="cut off", size=len(CONTENT))
    with dsw.client() as api:
        item = api.import_image(body)
        api.send_content(item.id, 0, CONTENT[:3072])
        again = dsw("images", "import", archive, "--name", "cut off")
        assert again.status == 0, again.err
        assert "Going on at 3 KiB." in again.err
        assert api.transfer(item.id).state == "Ready"
    assert shelf.read == [CONTENT]


def test_what_is_no_image_is_refused_with_the_reason(
    dsw: Terminal, shelf: Shelf, archive: str, tmp_path: Path
) -> None:
    shelf.error = "This is no archive of an image."
    said = dsw.refused("images", "import", archive, "--name", "odd")
    assert "This is no archive of an image." in said
    missing = str(tmp_path / "nowhere.tar")
    assert "cannot be read" in dsw.refused("images", "import", missing, "--name", "x")
