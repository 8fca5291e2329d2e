"""``/docs`` and ``/redoc`` with everything they need: no browser is sent to another server."""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS = Path(fastapi_offline.__file__).with_name("static")
_URL = "/docs-assets"
#: ReDoc's own pages ask its makers for their logo. Both pages begin with a script in the page itself.
_ONLY_FROM_HERE = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:; frame-ancestors 'none'"
}


def install(app: FastAPI) -> None:
    """Adds the two pages to ``app``."""
    title, spec = app.title, str(app.openapi_url)
    app.mount(_URL, StaticFiles(directory=_ASSETS), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url=spec,
            title=title,
            swagger_js_url=f"{_URL}/swagger-ui-bundle.js",
            swagger_css_url=f"{_URL}/swagger-ui.css",
            swagger_favicon_url=f"{_URL}/favicon.png",
        )
        page.headers.update(_ONLY_FROM_HERE)
        return page

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        page = get_redoc_html(
            openapi_url=spec,
            title=title,
            redoc_js_url=f"{_URL}/redoc.standalone.js",
            redoc_favicon_url=f"{_URL}/favicon.png",
            with_google_fonts=False,
        )
        page.headers.update(_ONLY_FROM_HERE)
        return page
