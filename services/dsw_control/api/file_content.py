"""How a file is answered over HTTP: in pieces, in part where that is asked for, and never as a page
of the workbench."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from dsw_control.data.contents import OpenFile
from dsw_control.data.preview_child import image_type

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_PLAIN = re.compile(r"[^A-Za-z0-9._ ()+,=@-]")
HEAD = 16


class FileContent(StreamingResponse):
    """The bytes of an open file, which is closed whatever becomes of the answer."""

    def __init__(
        self,
        file: OpenFile,
        body: AsyncIterator[bytes],
        headers: dict[str, str],
        status_code: int = 200,
    ) -> None:
        super().__init__(body, status_code, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._file.close()


async def content_of(file: OpenFile, name: str, asked: Mapping[str, str], inline: bool) -> Response:
    """The answer to a request with the headers `asked`. `inline`: to be shown, if it is a picture
    that a browser shows without running anything. Closes the file at its end."""
    try:
        media_type = image_type(await file.read(0, HEAD)) if inline else None
        headers = _headers(file, name, media_type)
        part = _part(file, asked)
        if part is None:
            headers = {"Content-Range": f"bytes */{file.size}", "Content-Length": "0"}
            await file.close()
            return Response(status_code=416, headers=headers)
        start, end = part
        whole = (start, end) == (0, file.size)
        headers["Content-Length"] = str(end - start)
        if not whole:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        body = await file.stream(start, end)
        return FileContent(file, body, headers, 200 if whole else 206)
    except BaseException:
        await file.close()
        raise


def disposition(name: str, inline: bool = False) -> str:
    """The header `Content-Disposition` of RFC 6266 for any name: one that is plain for all, and the
    real one for those who can read it. Nothing in a name ends the header or its quotes."""
    plain = _PLAIN.sub("_", name)
    real = quote(name.encode("utf-8", "replace"), safe="")
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{real}"


def _headers(file: OpenFile, name: str, media_type: str | None) -> dict[str, str]:
    return {
        "Content-Type": media_type or "application/octet-stream",
        "Content-Disposition": disposition(name, inline=media_type is not None),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "ETag": file.etag,
        "Last-Modified": format_datetime(file.modified_at.replace(microsecond=0), usegmt=True),
    }


def _part(file: OpenFile, asked: Mapping[str, str]) -> tuple[int, int] | None:
    """First byte and the one after the last; None when there is no such part. What is no single
    range, or is asked of another state of the file, gets all of it."""
    match = _RANGE.fullmatch(asked.get("range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-" or not _is_same(file, asked.get("if-range")):
        return 0, file.size
    first, last = match[1], match[2]
    if not first:
        start, end = max(file.size - int(last), 0), file.size
    else:
        start = int(first)
        end = min(int(last) + 1, file.size) if last else file.size
        if last and int(last) < start:
            return 0, file.size
    return (start, end) if start < end else None


def _is_same(file: OpenFile, condition: str | None) -> bool:
    """Whether `If-Range` names the file as it is; by date only one that is old enough to tell."""
    if condition is None or condition == file.etag:
        return True
    try:
        return parsedate_to_datetime(condition) == file.modified_at.replace(microsecond=0)
    except (ValueError, TypeError):
        return False
