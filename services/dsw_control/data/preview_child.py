"""What the beginning of a file shows, found out in a process of its own that may crash.

It is given no file and no secret: it asks the parent for bytes on stdout (`R <start> <length>`),
gets them on stdin (their length in 8 bytes, then they), and ends with `D <length>` and JSON. Memory
and processor time have limits; a decompression bomb hits those.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO

TEXT_BYTES = 64 * 1024
TABLE_BYTES = 256 * 1024
ROWS = 100
COLUMNS = 100
CELL = 300
"""Characters of one cell."""
MEMORY = 384 * 2**20
"""Bytes of address space beside what its libraries take."""
CPU_SECONDS = 15
NOBODY = 65534

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_USUAL = "\t\n\r\f\x1b"
_DELIMITERS = ",;\t|"
_LIBRARIES = ("pyarrow.parquet", "decimal", "uuid", "zoneinfo")
_QUOTED = re.compile(r'"[^"]*"')
_REORDERING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)
_VISIBLE = (
    {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}
    | {0x7F: 0x2421}
    | dict.fromkeys((*range(0x80, 0xA0), *_REORDERING), 0xFFFD)
)
"""Control characters as pictures of them: no terminal acts on those."""


def image_type(head: bytes) -> str | None:
    """The media type of a picture that a browser shows without running anything in it."""
    for begin, media_type in _IMAGES:
        if head.startswith(begin):
            return media_type
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


class Remote(io.RawIOBase):
    """The file, as the parent reads it for us."""

    def __init__(self, ask: BinaryIO, answers: BinaryIO, size: int) -> None:
        self._ask, self._answers, self.length = ask, answers, size
        self._at = 0

    def part(self, start: int, length: int) -> bytes:
        """These bytes; `OSError` when the parent gives no more."""
        self._ask.write(b"R %d %d\n" % (start, length))
        self._ask.flush()
        told = int.from_bytes(self._answers.read(8), signed=True)
        if told < 0:
            raise OSError("too much of the file is needed")
        return self._answers.read(told)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; nothing is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.length}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes; of all that is left, when it is negative."""
        left = max(self.length - self._at, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        found = self.part(self._at, wanted) if wanted else b""
        self._at += len(found)
        return found


def preview(name: str, file: Remote) -> dict[str, Any]:
    """What `dsw.datasets.Preview` has of this file, without its path and size."""
    head = file.part(0, min(file.length, TABLE_BYTES)) if file.length else b""
    if media_type := image_type(head):
        return {"kind": "image", "media_type": media_type}
    lower = name.lower()
    if head.startswith(b"PAR1") and file.length > 8 and file.part(file.length - 4, 4) == b"PAR1":
        return _parquet(file)
    whole = len(head) == file.length
    is_table = lower.endswith((".csv", ".tsv"))
    text, remark = _decoded(head if is_table else head[:TEXT_BYTES], whole)
    if text is None:
        return {"kind": "none", "message": "It is no text, table or image that can be shown here."}
    if is_table:
        found = _csv(text, whole, "\t" if lower.endswith(".tsv") else None)
        return found | {"message": remark}
    return {
        "kind": "text",
        "media_type": "text/plain",
        "text": _clean(text),
        "truncated": file.length > TEXT_BYTES,
        "message": remark,
    }


def _decoded(head: bytes, whole: bool) -> tuple[str | None, str]:
    """The text, None when it is none, and what is to be said about it."""
    for begin, encoding in _MARKS:
        if head.startswith(begin):
            # What is cut off in the middle of a character is left away.
            decoder = codecs.getincrementaldecoder(encoding)("replace")
            return decoder.decode(head), ""
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(head, final=whole)
    except UnicodeDecodeError:
        text = ""
    if text or not head:
        return (None, "") if _is_binary(text) else (text, "")
    latin = head.decode("latin-1")
    if _is_binary(latin):
        return None, ""
    return latin, "It is not UTF-8; it is shown as if it were Latin-1."


def _is_binary(text: str) -> bool:
    odd = sum(1 for one in text if (one < " " or "\x7f" <= one < "\xa0") and one not in _USUAL)
    return "\0" in text or (odd > 8 and odd * 20 > len(text))


def _csv(text: str, whole: bool, delimiter: str | None) -> dict[str, Any]:
    csv.field_size_limit(TABLE_BYTES)
    first = _QUOTED.sub("", text.partition("\n")[0])
    delimiter = delimiter or max(_DELIMITERS, key=first.count)
    rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), ROWS + 2))
    if not whole and len(rows) < ROWS + 2 and len(rows) > 1:
        # The last one was cut off.
        del rows[-1]
    columns = rows[0] if rows else []
    complete = whole and len(rows) < ROWS + 2
    return {
        "kind": "table",
        "media_type": "text/csv",
        "columns": [_cell(one) for one in columns[:COLUMNS]],
        "rows": [[_cell(one) for one in row[:COLUMNS]] for row in rows[1 : ROWS + 1]],
        "total_rows": max(len(rows) - 1, 0) if complete else None,
        "truncated": not complete or any(len(row) > COLUMNS for row in rows),
    }


def _parquet(file: Remote) -> dict[str, Any]:
    from pyarrow import parquet

    found = parquet.ParquetFile(
        file,
        buffer_size=64 * 1024,
        pre_buffer=False,
        thrift_string_size_limit=16 * 2**20,
        thrift_container_size_limit=200_000,
    )
    schema, total = found.schema_arrow, found.metadata.num_rows
    fields = [schema.field(index) for index in range(min(len(schema), COLUMNS))]
    about = {
        "kind": "table",
        "media_type": "application/vnd.apache.parquet",
        "columns": [_cell(field.name) for field in fields],
        "column_types": [_cell(str(field.type)) for field in fields],
        "total_rows": total,
        "truncated": total > ROWS or len(schema) > COLUMNS,
    }
    try:
        names = [field.name for field in fields]
        rows = list(islice(_rows(found, names), ROWS))
    except (OSError, ValueError, MemoryError) as error:
        why = "it takes too much memory" if isinstance(error, MemoryError) else "it is damaged"
        why = "too much of it must be read" if "is needed" in str(error) else why
        return about | {"message": f"Its rows cannot be shown: {why}.", "truncated": True}
    return about | {"rows": rows}


def _rows(found: Any, names: list[str]) -> Iterator[list[str]]:
    for batch in found.iter_batches(batch_size=ROWS, columns=names, use_threads=False):
        for index in range(batch.num_rows):
            yield [_value(column[index]) for column in batch.columns]


def _value(scalar: Any) -> str:
    try:
        value = scalar.as_py()
    except (ValueError, OverflowError):
        # A date beyond those of Python is shown as its number.
        return str(getattr(scalar, "value", "?"))[:CELL]
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"0x{value[: CELL // 2].hex()}"
    return _cell(value if isinstance(value, str) else str(value))


def _cell(text: str) -> str:
    cut = text if len(text) <= CELL else f"{text[: CELL - 1]}…"
    return _clean(cut)


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def _limit() -> None:
    """Before the first byte of the file: no memory, time or files beyond what a preview takes, and
    no rights of control's."""
    with open("/proc/self/statm", encoding="ascii") as facts:
        taken = int(facts.read().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, taken + MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def main() -> None:
    """Read what is asked from stdin, answer on stdout."""
    asked = json.loads(sys.stdin.buffer.readline())
    # What is loaded later, nobody's rights may not be enough for.
    for _, encoding in _MARKS:
        codecs.lookup(encoding)
    for name in _LIBRARIES if asked["parquet"] else ():
        import_module(name)
    _limit()
    remote = Remote(sys.stdout.buffer, sys.stdin.buffer, asked["size"])
    answer = json.dumps(preview(asked["name"], remote)).encode()
    sys.stdout.buffer.write(b"D %d\n" % len(answer) + answer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
