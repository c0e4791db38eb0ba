"""Errors as RFC 9457 problem details. The only place that knows which error is which HTTP status."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from unhobble.errors import BadInput, Conflict, NotFound, UnhobbleError

MEDIA_TYPE = "application/problem+json"
_STATUS: dict[type[UnhobbleError], tuple[int, str]] = {
    BadInput: (422, "The input is not valid"),
    NotFound: (404, "Not found"),
    Conflict: (409, "The present state does not allow this"),
}


def problem(status: int, title: str, detail: str, errors: list[dict[str, str]] | None = None) -> JSONResponse:
    """A problem document. ``errors`` holds one entry for each thing wrong: ``path`` in the document, and ``message``."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors is not None:
        body["errors"] = errors
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem document."""

    @app.exception_handler(UnhobbleError)
    async def known(_: Request, error: UnhobbleError) -> JSONResponse:
        status, title = _STATUS.get(type(error), (500, "Internal error"))
        errors = None
        if isinstance(error, BadInput):
            errors = [{"path": issue.path, "message": issue.message} for issue in error.issues]
        return problem(status, title, str(error), errors)

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"path": ".".join(map(str, e["loc"][1:])), "message": e["msg"]} for e in error.errors()]
        detail = "; ".join(f"{e['path']}: {e['message']}" if e["path"] else e["message"] for e in errors)
        return problem(422, "The request is not valid", detail, errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), f"{request.method} {request.url.path}: {error.detail}")
