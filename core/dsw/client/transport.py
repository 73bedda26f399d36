"""How control is spoken to: pages, tags, keys that let a create be sent twice, and refusals."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from dsw.errors import Invalid, RemoteError, Unavailable

T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)
Self = TypeVar("Self", bound="Transport")

PAGE = 500

EMPTY_RANGE = 416


class FileFacts(NamedTuple):
    """A file on the other side: its size in bytes, and a tag that changes when its content does."""

    size: int
    tag: str


class Transport:
    """One workbench, as one user. `url` is the hub's public address, `token` a hub token. `direct`
    leaves aside the proxies that the environment names, for control's address inside an instance.

    Refusals raise `RemoteError` with control's sentence; an unreachable workbench `Unavailable`.
    """

    def __init__(self, url: str, token: str, timeout: float = 30, direct: bool = False) -> None:
        self.url = url.rstrip("/")
        self._tags: dict[str, str] = {}
        self._http = httpx.Client(
            base_url=f"{self.url}/services/dsw/api/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            transport=httpx.HTTPTransport() if direct else None,
        )

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def _one(self, path: str, kind: type[V], params: Mapping[str, Any] | None = None) -> V:
        """One object; its tag is kept for a change that is to hold only if it is still the same."""
        answer = self._send("GET", path, params=_plain(params or {}))
        if "etag" in answer.headers:
            self._tags[path] = answer.headers["etag"]
        return kind.model_validate(answer.json())

    def _items(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[T]:
        """A list over all of its pages, or its first `limit` items."""
        read = TypeAdapter(list[kind])  # type: ignore[valid-type]
        asked = {**_plain(params or {}), "limit": min(limit or PAGE, PAGE)}
        found: list[T] = []
        while True:
            page = self._send("GET", path, params=asked).json()
            found += read.validate_python(page["items"])
            if page.get("next") is None or (limit is not None and len(found) >= limit):
                return found[:limit]
            asked["cursor"] = page["next"]

    def _create(self, path: str, kind: type[V], body: BaseModel | None = None) -> V:
        """Make an object. When the connection breaks it is sent again, once: the key lets control
        make it once although it may see both."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        sent = None if body is None else _content(body)
        try:
            answer = self._send("POST", path, json=sent, headers=headers)
        except Unavailable:
            answer = self._send("POST", path, json=sent, headers=headers)
        return kind.model_validate(answer.json())

    def _change(
        self, method: str, path: str, kind: type[V], body: BaseModel, if_unchanged: bool = False
    ) -> V:
        """Change an object; with `if_unchanged` only if it is as this client last read it."""
        headers = {"If-Match": self._tags[path]} if if_unchanged and path in self._tags else {}
        answer = self._send(method, path, json=_content(body), headers=headers)
        self._tags.pop(path, None)
        return kind.model_validate(answer.json())

    def _act(self, path: str, kind: type[V], body: BaseModel | None = None) -> V:
        """Ask for something to be done with an object."""
        sent = None if body is None else _content(body)
        return kind.model_validate(self._send("POST", path, json=sent).json())

    def _delete(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        answer = self._send("DELETE", path, params=_plain(params or {}))
        self._tags.pop(path, None)
        return answer.json() if answer.content else None

    def _lines(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[str]:
        """The lines of an answer as they come, without their ends."""
        asked = _plain(params or {})
        try:
            with self._http.stream(
                "GET", path, params=asked, headers=headers, timeout=timeout
            ) as answer:
                _checked(answer)
                yield from answer.iter_lines()
        except httpx.HTTPError as error:
            raise self._unreachable() from error

    def _facts(self, path: str, params: Mapping[str, Any] | None = None) -> FileFacts:
        """What is known of a file before it is fetched."""
        headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
        try:
            with self._http.stream(
                "GET", path, params=_plain(params or {}), headers=headers
            ) as answer:
                # Of an empty file there is no first byte.
                if answer.status_code != EMPTY_RANGE:
                    _checked(answer)
                total = answer.headers.get("content-range", "").rpartition("/")[2]
                tag = answer.headers.get("etag") or answer.headers.get("last-modified", "")
                return FileFacts(int(total or answer.headers["content-length"]), tag)
        except httpx.HTTPError as error:
            raise self._unreachable() from error

    def _pieces(
        self,
        path: str,
        start: int = 0,
        params: Mapping[str, Any] | None = None,
        tag: str = "",
    ) -> Iterator[bytes]:
        """The bytes of a file from `start` on, as they come; with a tag of that content only."""
        # What is counted is the file itself, not a form that was made smaller for the way.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if tag:
                headers["If-Range"] = tag
        try:
            with self._http.stream(
                "GET", path, params=_plain(params or {}), headers=headers
            ) as answer:
                _checked(answer)
                if start and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                    raise Unavailable(f"{self.url} does not go on with a file half-way.")
                yield from answer.iter_raw()
        except httpx.HTTPError as error:
            raise self._unreachable() from error

    def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise self._unreachable() from error
        _checked(answer)
        return answer

    def _unreachable(self) -> Unavailable:
        return Unavailable(f"The workbench at {self.url} does not answer.", "Is the address right?")


def path_of(*parts: str) -> str:
    """A path below the API from words of any characters; `Invalid` for one that would lead to
    another path."""
    for part in parts:
        if part in ("", ".", ".."):
            raise Invalid(f"{part!r} is not a name.", "Write the name or id of what you mean.")
    return "/".join(quote(part, safe="") for part in parts)


def _content(body: BaseModel) -> Any:
    return body.model_dump(mode="json", exclude_none=True)


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Query parameters as text; what is None or empty is left out."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in params.items()
        if value not in (None, "")
    }


def _checked(answer: httpx.Response) -> None:
    """Nothing for a success, `RemoteError` with the sentence of a refusal."""
    if answer.status_code < 400:
        return
    answer.read()
    try:
        problem = answer.json()
        raise RemoteError(answer.status_code, problem["code"], problem["detail"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RemoteError(
            answer.status_code,
            "http",
            f"{answer.request.url} answered {answer.status_code}; is that the workbench's address?",
        ) from error
