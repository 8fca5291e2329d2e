"""Every error as problem+json (RFC 9457): what was wrong, and where in the workflow. No traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from leadagent_prefect.api.prefect_side import unavailable
from leadagent_prefect.diagnostics import Diagnostic
from leadagent_prefect.naming import http_phrase

_log = logging.getLogger("leadagent.api")
MEDIA_TYPE = "application/problem+json"
_METHODS = ("GET", "POST", "DELETE")


class Problem(Exception):
    """An answer other than 200. ``more`` are members of the document beside the standard ones."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers, more

    def __reduce__(self) -> tuple[Any, ...]:
        # It comes out of another process too, and an exception is pickled by its positional arguments.
        return partial(Problem, headers=self.headers, **self.more), (self.status, self.detail)


def of_diagnostics(status: int, found: Iterable[Diagnostic]) -> Problem:
    """A problem with one row for each diagnostic; the first error is told in its words."""
    rows = list(found)
    errors = [one for one in rows if one.severity == "error"]
    where = f"line {errors[0].span.line}: " if errors[0].span else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(status, f"{where}{errors[0].message}{more}", diagnostics=[as_row(one) for one in rows])


def as_row(diagnostic: Diagnostic) -> dict[str, Any]:
    line, column = diagnostic.span[:2] if diagnostic.span else (None, None)
    return {
        "line": line,
        "column": column,
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def answer(
    request: Request | None, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """The answer that a problem is; it names the request's id, under which the log has it."""
    body = {"type": "about:blank", "title": http_phrase(status), "status": status, "detail": detail}
    if request is not None and "request_id" in request.scope:
        body["request_id"] = request.scope["request_id"]
    return JSONResponse({**body, **more}, status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Lets ``app`` answer every error in this form."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return answer(request, error.status, error.detail, error.headers, **error.more)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        headers = _allow(app, request) if error.status_code == 405 else error.headers
        return answer(request, error.status_code, str(error.detail), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        rows = [{"where": ".".join(map(str, one["loc"])), "message": one["msg"]} for one in error.errors()]
        said = "; ".join(f"{row['where']}: {row['message']}" for row in rows)
        return answer(request, 422, said, errors=rows)


def _allow(app: FastAPI, request: Request) -> dict[str, str]:
    """Every method of the path: its routes know only their own."""
    found = [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]
    return {"Allow": ", ".join(found or ["GET", "HEAD"])}  # a file's path is looked for within its folder


def unforeseen(request: Request, error: Exception) -> Response:
    """503 where Prefect is away; anything else is a bug, whose traceback is in the log alone."""
    if unavailable(error):
        detail = "the Prefect API does not answer at present"
        return answer(request, 503, detail, {"Retry-After": "5"})
    _log.error("a request failed", exc_info=error)
    return answer(request, 500, "the server failed; its log has the cause under the request's id")
