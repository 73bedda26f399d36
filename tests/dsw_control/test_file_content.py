"""Headers of downloads: names that try to break out of theirs, and ranges of every kind."""

from __future__ import annotations

import asyncio
import os
from email.message import Message
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw_control.api.file_content import content_of, disposition
from dsw_control.data.folder_files import HostFile

CONTENT = b"0123456789"
NAMES = [
    'a"; filename="b.exe',
    "line\r\nSet-Cookie: x=1",
    "back\\slash",
    "grün 日本.txt",
    "100%.txt",
    "semi;colon",
    "\ud800",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leaves_its_place_in_the_header(name: str) -> None:
    _check(name)


@given(st.text(min_size=1, max_size=80))
def test_every_name_is_one_parameter_and_the_real_one_comes_back(name: str) -> None:
    _check(name)


def _check(name: str) -> None:
    header = disposition(name)
    header.encode("ascii")
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
    assert "\\" not in header
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    real = header.partition("filename*=UTF-8''")[2]
    assert unquote(real, errors="strict") == name.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("", 200, CONTENT),
        ("bytes=0-", 200, CONTENT),
        ("bytes=0-9", 200, CONTENT),
        ("bytes=3-5", 206, b"345"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-100", 200, CONTENT),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-3", 200, CONTENT),
        ("bytes=-", 200, CONTENT),
        ("bytes=0-1,3-4", 200, CONTENT),
        ("bytes=x-", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        ("bytes=99999999999999999999-", 200, CONTENT),
    ],
)
def test_ranges(tmp_path: Path, asked: str, status: int, content: bytes) -> None:
    assert asyncio.run(_answer(tmp_path, {"range": asked})) == (status, content)


def test_a_part_is_only_of_the_file_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    os.utime(tmp_path / "file", (1_700_000_000, 1_700_000_000))
    file = HostFile(os.open(tmp_path / "file", os.O_RDONLY))
    same = format_datetime(file.modified_at, usegmt=True)
    asyncio.run(file.close())
    for condition, status in (
        (file.etag, 206),
        (same, 206),
        ('"another"', 200),
        (f"W/{file.etag}", 200),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 200),
        ("nonsense", 200),
    ):
        headers = {"range": "bytes=3-5", "if-range": condition}
        assert asyncio.run(_answer(tmp_path, headers))[0] == status, condition


async def _answer(folder: Path, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and content; the file is closed afterwards."""
    path = folder / "file"
    if not path.exists():
        path.write_bytes(CONTENT)
    file = HostFile(os.open(path, os.O_RDONLY))
    answer = await content_of(file, "file", headers, inline=False)
    sent: list[bytes] = []

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        sent.append(body)

    await answer({"type": "http", "headers": []}, receive, send)  # type: ignore[arg-type]
    assert file._file.closed
    return answer.status_code, b"".join(sent)
