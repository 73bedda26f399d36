"""`dsw datasets` and `dsw storage-classes` against a running control, over a road that breaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.dsw.terminals import Terminal, running_control

from dsw.datasets import UploadCreate

NUMBERS = count(1)
CONTENT = os.urandom(4 * 2**20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of this host that is a storage class."""
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def control_url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a control process answers that offers the directory, and buckets."""
    classes = [
        {"name": "disk", "kind": "host", "root": str(folder), "writable": True},
        {"name": "buckets", "kind": "s3", "endpoint": "http://127.0.0.1:9"},
    ]
    with running_control(tmp_path_factory.mktemp("control"), storage_classes=classes) as url:
        yield url


@pytest.fixture
def team(dsw: Terminal, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a new workspace of ada, who owns it, and bob."""
    monkeypatch.setattr("dsw.cli.pieces.PIECE", 2**20)
    name = f"data-{next(NUMBERS)}"
    dsw.ok("workspaces", "create", name, "--owner", "ada")
    dsw.ok("members", "set", "bob", "--role", "developer", "-w", name)
    return name


@pytest.fixture
def mine(dsw: Terminal, team: str) -> str:
    """The name of ada's new dataset, a folder of its own that may be written."""
    name = f"pets-{next(NUMBERS)}"
    dsw.ok("datasets", "create", name, "--access", "rw", who="ada", workspace=team)
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of random bytes."""
    path = tmp_path / "train.bin"
    path.write_bytes(CONTENT)
    return path


def test_a_dataset_is_registered_listed_shown_and_changed(
    dsw: Terminal, team: str, folder: Path
) -> None:
    (folder / team).mkdir()
    words = ("--uri", f"file://{folder}/{team}", "--label", "task=vision", "--label", "raw=")
    made = dsw.json(
        "datasets", "create", "images", *words, "--description", "Pets", who="ada", workspace=team
    )
    assert (made["kind"], made["labels"]) == ("file", {"task": "vision", "raw": ""})
    assert "images" in dsw.ok("datasets", "list", "--label", "task=vision", who="ada")
    shown = dsw.ok("datasets", "show", "images", who="ada", workspace=team)
    assert "task=vision, raw" in shown
    assert "/mnt/data/images" in shown
    assert "no dataset 'images'" in dsw.refused("datasets", "show", "images", who="bob")
    words = ("--visibility", "workspace", "--description", "Pets and more", "--path", "/data/pets")
    dsw.ok("datasets", "change", "images", *words, who="ada", workspace=team)
    [seen] = dsw.json("datasets", "list", who="bob", workspace=team)
    assert (seen["description"], seen["mount_path"]) == ("Pets and more", "/data/pets")
    assert seen["labels"] == made["labels"]


def test_a_dataset_without_an_address_has_a_folder_of_its_own(
    dsw: Terminal, team: str, mine: str
) -> None:
    [item] = dsw.json("datasets", "list", who="ada", workspace=team)
    assert (item["name"], item["kind"], item["writable"]) == (mine, "file", True)
    assert "Nothing is in it." in dsw.ok("datasets", "files", mine, who="ada")


def test_a_wrong_address_and_a_wrong_label_are_refused_in_a_sentence(
    dsw: Terminal, team: str
) -> None:
    words = ("datasets", "create", "x", "--uri")
    for uri in ("file:///", "file:///etc", "file:///var/run/docker.sock", "ftp://a/b"):
        assert dsw.refused(*words, uri, who="ada", workspace=team)
    said = dsw.refused("datasets", "create", "x", "--label", "a", who="ada", workspace=team)
    assert "KEY=VALUE" in said
    assert dsw.json("datasets", "list", who="ada", workspace=team) == []


def test_a_check_says_why_the_data_cannot_be_reached(
    dsw: Terminal, team: str, folder: Path
) -> None:
    gone = folder / f"{team}-gone"
    gone.mkdir()
    words = ("--uri", f"file://{gone}")
    dsw.ok("datasets", "create", "there", *words, who="ada", workspace=team)
    said = dsw.ok("datasets", "check", "there", who="ada", workspace=team)
    assert "there, version 1: reachable (" in said
    gone.rmdir()
    said = dsw.refused("datasets", "check", "there", who="ada", workspace=team)
    assert said.startswith("there cannot be reached.")
    assert "not reachable" in dsw.ok("datasets", "show", "there", who="ada", workspace=team)


def test_a_new_version_has_a_folder_of_its_own_and_the_old_one_stays(
    dsw: Terminal, team: str, mine: str, file: Path
) -> None:
    dsw.ok("datasets", "upload", mine, str(file), who="ada")
    said = dsw.ok("datasets", "version", mine, "--description", "Anew", who="ada")
    assert "version 2" in said
    assert dsw.json("datasets", "files", mine, who="ada") == []
    assert len(dsw.json("datasets", "files", mine, "--version", "1", who="ada")) == 1
    assert "Anew" in dsw.ok("datasets", "show", mine, who="ada")


def test_a_retired_dataset_is_gone_from_the_list(dsw: Terminal, team: str, mine: str) -> None:
    assert f"Nothing uses {mine}." in dsw.ok("datasets", "usage", mine, who="ada")
    dsw.ok("datasets", "retire", mine, "--yes", who="ada")
    assert dsw.json("datasets", "list", who="ada", workspace=team) == []
    assert "There is no dataset" in dsw.refused("datasets", "show", mine, who="ada")


def test_storage_classes_are_listed_with_an_example(dsw: Terminal, team: str) -> None:
    text = dsw.ok("storage-classes", who="bob", workspace=team)
    assert "disk" in text
    assert "of the dataset" in text
    names = [item["name"] for item in dsw.json("storage-classes", who="bob", workspace=team)]
    assert names == ["disk", "buckets"]


def test_a_bucket_is_registered_with_a_credential_by_name(dsw: Terminal, team: str) -> None:
    words = ("--kind", "object-store", "--host", "127.0.0.1:9", "--username", "KEY")
    dsw.ok(
        "credentials", "add", "keys", *words, "--secret-file", "-", piped="s3cret", workspace=team
    )
    words = ("--uri", "s3://pictures/pets", "--class", "buckets", "--credential", "keys")
    made = dsw.json("datasets", "create", "pets", *words, workspace=team)
    assert (made["kind"], made["storage_class"]) == ("s3", "buckets")
    assert made["credential"].startswith("cred-")
    assert "s3cret" not in str(made)


def test_files_are_sent_listed_shown_fetched_and_deleted(
    dsw: Terminal, team: str, mine: str, file: Path, tmp_path: Path
) -> None:
    table = tmp_path / "pets.csv"
    table.write_text("name,age\nRex,3\nMia,5\n")
    words = ("datasets", "upload", mine, str(file), str(table), "--to", "train")
    said = dsw.ok(*words, who="ada")
    assert f"train/train.bin is in {mine} (4 MiB)." in said
    listed = dsw.json("datasets", "files", mine, "train", who="ada")
    assert [(item["name"], item["size"]) for item in listed] == [
        ("pets.csv", 21),
        ("train.bin", 4 * 2**20),
    ]
    assert "train/" in dsw.ok("datasets", "files", mine, who="ada")
    shown = dsw.ok("datasets", "preview", mine, "train/pets.csv", who="ada")
    assert "Rex" in shown
    assert "age" in shown
    got = tmp_path / "got.bin"
    dsw.ok("datasets", "download", mine, "train/train.bin", "-o", str(got), who="ada")
    assert got.read_bytes() == CONTENT
    dsw.ok("datasets", "delete-file", mine, "train/train.bin", "--yes", who="ada")
    assert len(dsw.json("datasets", "files", mine, "train", who="ada")) == 1


def test_a_file_that_is_there_is_replaced_only_when_told(
    dsw: Terminal, team: str, mine: str, file: Path
) -> None:
    dsw.ok("datasets", "upload", mine, str(file), who="ada")
    assert dsw.refused("datasets", "upload", mine, str(file), who="ada")
    file.write_bytes(b"new")
    dsw.ok("datasets", "upload", mine, str(file), "--overwrite", who="ada")
    [item] = dsw.json("datasets", "files", mine, who="ada")
    assert item["size"] == 3


def test_an_upload_over_a_breaking_road_goes_on_where_it_was(
    dsw: Terminal, team: str, mine: str, file: Path, broken: list[int], tmp_path: Path
) -> None:
    broken += [600_000, 1_500_000]
    dsw.ok("datasets", "upload", mine, str(file), who="ada")
    assert broken == []
    got = tmp_path / "got.bin"
    dsw.ok("datasets", "download", mine, "train.bin", "-o", str(got), who="ada")
    assert got.read_bytes() == CONTENT


def test_an_upload_of_an_earlier_try_is_gone_on_with(
    dsw: Terminal, team: str, mine: str, file: Path
) -> None:
    with dsw.client("ada") as api:
        [found] = api.datasets(workspace=team)
        body = {"path": "train.bin", "size": len(CONTENT)}
        item = api.create_upload(found.id, UploadCreate.model_validate(body))
        api.send_upload(item.id, 0, CONTENT[:1000])
    result = dsw("datasets", "upload", mine, str(file), who="ada")
    assert result.status == 0, result
    assert "Going on at 1000 B." in result.err
    with dsw.client("ada") as api:
        assert b"".join(api.file_content(found.id, "train.bin")) == CONTENT


def test_a_download_over_a_breaking_road_goes_on_where_it_was(
    dsw: Terminal, team: str, mine: str, file: Path, broken: list[int], tmp_path: Path
) -> None:
    dsw.ok("datasets", "upload", mine, str(file), who="ada")
    broken += [1_000_000, 2_000_000]
    got = tmp_path / "got.bin"
    dsw.ok("datasets", "download", mine, "train.bin", "-o", str(got), who="ada")
    assert broken == []
    assert got.read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["got.bin", "train.bin"]


def test_half_a_file_is_gone_on_with_until_the_file_changes(
    dsw: Terminal, team: str, mine: str, file: Path, tmp_path: Path, broken: list[int]
) -> None:
    dsw.ok("datasets", "upload", mine, str(file), who="ada")
    got = tmp_path / "got.bin"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsw.cli.dataset_transfers.TRIES", 1)
        patch.setattr("dsw.cli.progress.PATIENCE_SECONDS", 0)
        broken += [1_000_000]
        patch.setattr("dsw.cli.dataset_transfers.GATEWAY", frozenset())
        dsw.refused("datasets", "download", mine, "train.bin", "-o", str(got), who="ada")
    [part] = tmp_path.glob("*.part")
    part.write_bytes(b"mark" + part.read_bytes()[4:])
    dsw.ok("datasets", "download", mine, "train.bin", "-o", str(got), who="ada")
    # Had it begun anew, the mark would be gone.
    assert got.read_bytes() == b"mark" + CONTENT[4:]


def test_an_empty_file_goes_both_ways(dsw: Terminal, team: str, mine: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    dsw.ok("datasets", "upload", mine, str(empty), who="ada")
    got = tmp_path / "got"
    dsw.ok("datasets", "download", mine, "empty", "-o", str(got), who="ada")
    assert got.read_bytes() == b""


def test_files_that_cannot_be_read_or_written_here_are_told(
    dsw: Terminal, team: str, mine: str, file: Path, tmp_path: Path
) -> None:
    assert "is not a file" in dsw.refused("datasets", "upload", mine, str(tmp_path), who="ada")
    dsw.ok("datasets", "upload", mine, str(file), who="ada")
    nowhere = str(tmp_path / "nowhere" / "x")
    said = dsw.refused("datasets", "download", mine, "train.bin", "-o", nowhere, who="ada")
    assert "cannot be written" in said
    for path in ("../etc/passwd", "/etc/passwd", "a/../../b", "no-such-file"):
        assert dsw.refused("datasets", "download", mine, path, "-o", nowhere, who="ada")


def test_datasets_of_others_do_not_exist(dsw: Terminal, team: str, mine: str) -> None:
    with dsw.client("ada") as api:
        [found] = api.datasets(workspace=team)
    for words in (("show", mine), ("show", found.id), ("files", found.id), ("usage", found.id)):
        assert "There is no dataset" in dsw.refused("datasets", *words, who="eve")
