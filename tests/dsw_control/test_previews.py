"""Previews of files, the hostile ones above all: nothing of them reaches control but a sentence."""

from __future__ import annotations

import asyncio
import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from dsw.datasets import Preview
from dsw_control.data import preview_child, previews
from dsw_control.data.folder_files import HostFile

CANNOT = "It cannot be shown: it is damaged, or takes too much time or memory."


async def shown(path: Path, seats: int = 1) -> Preview:
    file = HostFile(os.open(path, os.O_RDONLY))
    try:
        return await previews.preview_of(asyncio.Semaphore(seats), file, path.name)
    finally:
        await file.close()


async def shown_of(folder: Path, name: str, content: bytes) -> Preview:
    (folder / name).write_bytes(content)
    return await shown(folder / name)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        ("grün\n日本\n".encode(), "grün\n日本\n"),
        (b"\xef\xbb\xbfwith a mark", "with a mark"),
        ("zwei".encode("utf-16"), "zwei"),
        ("vier".encode("utf-32"), "vier"),
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"\x1b[2J\x1b]0;title\x07 \x7f", "\u241b[2J\u241b]0;title\u2407 \u2421"),
        ("left\u202etfel".encode(), "left\ufffdtfel"),
    ],
)
async def test_texts_are_shown_as_they_are_and_do_nothing(
    tmp_path: Path, content: bytes, text: str
) -> None:
    found = await shown_of(tmp_path, "a.txt", content)
    assert (found.kind, found.text, found.truncated) == ("text", text, False)
    assert found.size == len(content)


async def test_text_of_another_encoding_is_shown_with_a_remark(tmp_path: Path) -> None:
    found = await shown_of(tmp_path, "a.txt", "größer".encode("latin-1"))
    assert (found.kind, found.text) == ("text", "größer")
    assert "not UTF-8" in found.message


async def test_a_long_text_is_cut_between_characters(tmp_path: Path) -> None:
    found = await shown_of(tmp_path, "a.txt", "€".encode() * 100_000)
    assert found.truncated
    assert set(found.text) == {"€"}
    assert len(found.text) == preview_child.TEXT_BYTES // 3


@pytest.mark.parametrize(
    "content", [os.urandom(5000), b"\0" * 100, b"text\0text", gzip.compress(b"1,2" * 10**6)]
)
async def test_what_is_no_text_is_not_shown(tmp_path: Path, content: bytes) -> None:
    found = await shown_of(tmp_path, "a.csv", content)
    assert (found.kind, found.text, found.rows) == ("none", "", [])
    assert found.message


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 30, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
async def test_pictures_are_told_by_what_they_begin_with(
    tmp_path: Path, content: bytes, media_type: str
) -> None:
    found = await shown_of(tmp_path, "a.txt", content)
    assert (found.kind, found.media_type) == ("image", media_type)


async def test_a_drawing_with_a_program_is_a_text(tmp_path: Path) -> None:
    found = await shown_of(tmp_path, "a.svg", b"<svg><script>1</script></svg>")
    assert (found.kind, found.media_type) == ("text", "text/plain")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
async def test_the_rows_of_a_table_in_text_are_shown(tmp_path: Path, mark: str) -> None:
    lines = [f'a{mark}"b, c"', f'1{mark}"two\nlines"', f"3{mark}"]
    found = await shown_of(tmp_path, "a.CSV", "\r\n".join(lines).encode())
    assert (found.kind, found.columns) == ("table", ["a", "b, c"])
    assert found.rows == [["1", "two\nlines"], ["3", ""]]
    assert (found.total_rows, found.truncated) == (2, False)


async def test_a_long_or_wide_table_in_text_is_cut(tmp_path: Path) -> None:
    long = await shown_of(tmp_path, "a.csv", b"x,y\n" + b"1,2\n" * 200_000)
    assert (len(long.rows), long.total_rows, long.truncated) == (100, None, True)
    wide = await shown_of(tmp_path, "b.csv", b",".join([b"x"] * 5000))
    assert (len(wide.columns), wide.truncated) == (100, True)
    one = await shown_of(tmp_path, "c.csv", b'"' + b"x" * 10_000_000)
    assert max(len(cell) for cell in one.columns) <= preview_child.CELL


async def test_the_rows_of_a_parquet_file_are_shown(tmp_path: Path) -> None:
    table = pa.table(
        {
            "number": range(1000),
            "text": ["\x1b[31m<b>"] * 1000,
            "nested": [{"k": [1, None]}] * 1000,
            "bytes": [b"\xff\0"] * 1000,
            "nothing": pa.nulls(1000),
        }
    )
    parquet.write_table(table, tmp_path / "a", row_group_size=30)
    found = await shown(tmp_path / "a")
    assert found.kind == "table"
    assert found.columns == ["number", "text", "nested", "bytes", "nothing"]
    assert found.column_types[:2] == ["int64", "string"]
    assert found.rows[99] == ["99", "\u241b[31m<b>", "{'k': [1, None]}", "0xff00", ""]
    assert (len(found.rows), found.total_rows, found.truncated) == (100, 1000, True)


async def test_dates_that_python_does_not_know_are_shown(tmp_path: Path) -> None:
    table = pa.table({"at": pa.array([2**61], pa.timestamp("us"))})
    parquet.write_table(table, tmp_path / "a.parquet")
    found = await shown(tmp_path / "a.parquet")
    assert found.kind == "table"
    assert len(found.rows) == 1


def parquets(folder: Path) -> dict[str, bytes]:
    """Hostile ones: 500 MB in a few bytes, damaged in the middle, with a footer that is too long,
    and cut off."""
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 100), ["y" * 5_000_000])
    bomb = pa.table({"x": repeated})
    parquet.write_table(bomb, folder / "bomb", compression="zstd", store_schema=False)
    found = {"bomb": (folder / "bomb").read_bytes()}
    assert len(found["bomb"]) < 10_000
    parquet.write_table(pa.table({"x": range(5000)}), folder / "good", use_dictionary=False)
    good = (folder / "good").read_bytes()
    found["damaged"] = good[:100] + os.urandom(len(good) - 1100) + good[-1000:]
    found["footer"] = b"PAR1" + b"x" * 100 + (2**31 - 1).to_bytes(4, "little") + b"PAR1"
    found["cut"] = b"PAR1PAR1PAR1"
    return found


async def test_hostile_tables_end_in_a_sentence_and_no_more(tmp_path: Path) -> None:
    for name, content in parquets(tmp_path).items():
        found = await shown_of(tmp_path, f"{name}.parquet", content)
        assert found.message, name
        assert found.rows == [], name
        assert found.size == len(content)


async def test_a_file_that_takes_too_long_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(HostFile):
        async def read(self, start: int, length: int) -> bytes:
            if length > 100:
                await asyncio.Event().wait()
            return await super().read(start, length)

    monkeypatch.setattr(previews, "SECONDS", 0.5)
    (tmp_path / "a.txt").write_text("x" * 1000)
    file = Slow(os.open(tmp_path / "a.txt", os.O_RDONLY))
    found = await previews.preview_of(asyncio.Semaphore(1), file, "a.txt")
    await file.close()
    assert (found.kind, found.message) == ("none", CANNOT)


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.kill(os.getpid(), 11)",
        "print('R -1 5', flush=True); input()",
        "print('R 0 9999999999999', flush=True); print('D 3'); print('abc')",
        "print('D 99999999999'); print('x' * 100)",
        "print('D 4'); print('[1]')",
        "print('D 16'); print('{\"kind\": \"boom\"}')",
        "print('x' * 1000000)",
        "while True: print('R 0 8388608', flush=True)",
    ],
)
async def test_a_process_that_was_taken_over_gets_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    start = asyncio.create_subprocess_exec

    async def taken_over(executable: str, *_: str, **options: Any) -> Any:
        return await start(executable, "-I", "-c", program, **options)

    monkeypatch.setattr(previews.asyncio, "create_subprocess_exec", taken_over)
    monkeypatch.setattr(previews, "SECONDS", 3.0)
    found = await shown_of(tmp_path, "a.txt", b"text")
    assert (found.kind, found.message, found.text) == ("none", CANNOT, "")


async def test_the_process_has_no_secret_and_few_rights(tmp_path: Path) -> None:
    program = (
        "import json, os, resource, sys\n"
        "from dsw_control.data import preview_child\n"
        "preview_child._limit()\n"
        "facts = {'environ': sorted(os.environ), 'uid': os.getuid(), 'groups': os.getgroups(),\n"
        "         'files': resource.getrlimit(resource.RLIMIT_FSIZE)[0]}\n"
        "print(json.dumps(facts))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(previews.sys.executable, "-I", "-c", program),
        stdout=asyncio.subprocess.PIPE,
        env=previews._ENVIRONMENT,
    )
    said, _ = await process.communicate()
    assert b"SECRET" not in said
    facts = previews.json.loads(said)
    assert facts["files"] == 0
    if os.geteuid() == 0:
        assert (facts["uid"], facts["groups"]) == (preview_child.NOBODY, [])
