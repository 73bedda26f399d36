"""Tar blocks for arbitrary trees: readable by others, and as long as planned."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dsw_agent.plans import a_plan

from dsw_agent import tar_format
from dsw_agent.failures import Cancellation
from dsw_agent.layer import SLACK, Layer
from dsw_agent.skipped import Skipped
from dsw_agent.tar_format import Entry, Kind

PARTS = (
    st.binary(min_size=1, max_size=255)
    .map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda raw: raw not in (b".", b"..") and not raw.startswith(b".wh."))
    .map(os.fsdecode)
)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
TIMES = st.integers(-(2**33) * 10**9, 2**36 * 10**9)
XATTRS = st.dictionaries(
    st.text("abcäö.", min_size=1, max_size=20).map("user.{}".format), st.binary(max_size=100)
).map(lambda found: tuple(sorted(found.items())))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Any member that a layer can have."""
    kind = draw(st.sampled_from(Kind))
    ids = st.integers(0, 2**32 - 2)
    return Entry(
        path=draw(PATHS),
        kind=kind,
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(ids),
        gid=draw(ids),
        mtime=draw(TIMES),
        link=draw(PATHS) if kind in (Kind.LINK, Kind.SYMLINK) else "",
        device=(8, 17),
        xattrs=draw(XATTRS),
    )


@given(entries())
def test_another_reader_finds_what_was_written(entry: Entry) -> None:
    block = tar_format.header(entry)
    assert len(block) == tar_format.length(entry)
    with tarfile.open(fileobj=io.BytesIO(block + tar_format.END)) as archive:
        found = archive.getmembers()[0]
    assert os.fsencode(found.name) == os.fsencode(entry.path).rstrip(b"/")
    assert (found.type.decode(), found.mode) == (entry.kind, entry.mode)
    assert (found.uid, found.gid) == (entry.uid, entry.gid)
    assert os.fsencode(found.linkname) == os.fsencode(entry.link)
    assert (found.devmajor, found.devminor) == (8, 17)
    assert found.mtime == pytest.approx(entry.mtime / 10**9, abs=1e-6)
    for name, value in entry.xattrs:
        told = found.pax_headers[f"SCHILY.xattr.{name}"]
        assert told.encode("utf-8", "surrogateescape") == value


@pytest.mark.parametrize("size", [8**11 - 1, 8**11, 3 * 2**40])
def test_sizes_past_8_gib_are_exact(size: int) -> None:
    block = tar_format.header(Entry("big", size=size))
    with tarfile.open(fileobj=io.BytesIO(block + tar_format.END)) as archive:
        member = archive.next()
    assert member is not None
    assert member.size == size
    assert tar_format.length(Entry("big", size=size)) == len(block) + -(-size // 512) * 512


@pytest.mark.parametrize("size", range(80, 120))
def test_a_records_length_counts_its_own_digits(size: int) -> None:
    block = tar_format.header(Entry("x", xattrs=(("user.a", b"v" * size),)))
    with tarfile.open(fileobj=io.BytesIO(block + tar_format.END)) as archive:
        assert archive.getmembers()[0].pax_headers["SCHILY.xattr.user.a"] == "v" * size


TREES = st.dictionaries(
    PATHS,
    st.one_of(
        st.none(), st.integers(0, 3000), st.sampled_from([10**6, 3_000_001]), PATHS, st.just("/")
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(tree=TREES, exact=st.booleans())
def test_a_layer_is_exactly_as_long_as_planned(
    tree: dict[str, int | str | None], exact: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path, what in tree.items():
            make(Path(folder), path, what)
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            skipped = Skipped()
            plan = a_plan(root, skipped, whole=exact)
            layer = Layer([root], plan, skipped, Cancellation(), lambda _: None, exact)
            content = b"".join(layer)
        finally:
            os.close(root)
        assert len(content) == layer.size == layer.planned + (SLACK if exact else 0)
        assert skipped.lines() == []
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            assert len(archive.getmembers()) == len(plan.entries) == count(Path(folder))


def make(folder: Path, path: str, what: int | str | None) -> None:
    """A folder (None), a file of a size, a hard link to an earlier file ("/"), or a link."""
    place = folder / path
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if what is None:
            place.mkdir(exist_ok=True)
        elif isinstance(what, int):
            with place.open("wb") as file:
                file.write(b"x" * min(what, 3000))
                file.truncate(what)
        elif what == "/":
            files = [found for found in folder.rglob("*") if found.is_file()]
            place.hardlink_to(files[0])
        else:
            place.symlink_to(what)
    except (OSError, IndexError):
        pass  # The name is taken, or too long: the tree is what it is.


def count(folder: Path) -> int:
    """Files and folders below a folder."""
    return sum(len(folders) + len(files) for _, folders, files in os.walk(folder))
