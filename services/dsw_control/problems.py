"""The one place that turns errors into RFC 9457 problem documents."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dsw.errors import DswError, Invalid
from dsw_control.api.denied import note_refusal

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Let every error of this application end as a problem document."""
    app.add_exception_handler(DswError, _dsw_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def answer(request: Request, error: DswError) -> JSONResponse:
    """The problem document of an error, with the request's id."""
    body = error.problem() | {
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", None),
    }
    return _response(error.status, body)


async def _dsw_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DswError)  # noqa: S101 (the registration says so)
    await _note(request, error)
    return answer(request, error)


async def _note(request: Request, error: DswError) -> None:
    """The answer is given whatever becomes of the audit log's line."""
    try:
        await note_refusal(request, error)
    except Exception:
        log.exception("a refusal is not in the audit log", code=error.code)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return answer(request, Invalid(" ".join(_sentence(item) for item in error.errors())))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
    body = {
        "type": f"urn:dsw:error:{code}",
        "title": code.replace("_", " "),
        "status": error.status_code,
        "code": code,
        "detail": f"{error.detail}.",
        "instance": request.url.path,
    }
    return _response(error.status_code, body)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = getattr(request.state, "request_id", None)
    log.error("unexpected error", exc_info=error, request_id=request_id, path=request.url.path)
    return answer(
        request,
        DswError("Something unexpected happened.", f"The log has more under {request_id}."),
    )


def _sentence(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
    if item["type"] == "extra_forbidden":
        return f"{where}: this key is not known here."
    return f"{where}: {item['msg']}."


def _response(status: int, body: dict[str, Any]) -> JSONResponse:
    clean = {key: value for key, value in body.items() if value is not None}
    return JSONResponse(clean, status, media_type="application/problem+json")
