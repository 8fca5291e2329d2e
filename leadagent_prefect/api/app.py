"""The application: what is there for the life of the process, and the endpoints."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
from fastapi import FastAPI

from leadagent_prefect import __version__
from leadagent_prefect.api import openapi, pages, problems
from leadagent_prefect.api.access import Access
from leadagent_prefect.api.aside import warm
from leadagent_prefect.api.desk import Desk
from leadagent_prefect.api.frame import Frame
from leadagent_prefect.api.housekeeping import keep_clean
from leadagent_prefect.api.keys import KeyFile
from leadagent_prefect.api.metrics import Metrics
from leadagent_prefect.api.prefect_side import PrefectSide
from leadagent_prefect.api.routes import agents, following, health, workflows
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.embedded import PrefectApi

_TEXT = """Runs workflows of AI agents, MCP servers and HTTP APIs as Prefect flow runs.

A request that makes a run is answered at once, and the run goes on: ask for its status, log or events.
Where the server has API keys, every request but those for its health needs one. Errors are problem documents
(RFC 9457) and name the request, under whose id the server's log has more."""
_TAGS = [
    {"name": "health", "description": "What the server says of itself."},
    {"name": "workflows", "description": "Runs of workflows: made, listed, looked at, cancelled, resumed."},
    {"name": "agents", "description": "Agents without a workflow."},
]


def create_app(settings: Settings, api: PrefectApi) -> FastAPI:
    """The application on one Prefect API; the process's environment is to point at the same one."""
    desk = Desk(
        settings, Access(settings, KeyFile(settings.api_keys)), PrefectSide(api, settings.pool), Metrics()
    )

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with desk.prefect.opened(), anyio.create_task_group() as beside:
            await warm()
            beside.start_soon(keep_clean, desk.prefect.client, timedelta(days=settings.keep_days))
            yield
            beside.cancel_scope.cancel()

    app = FastAPI(
        title="leadagent",
        version=__version__,
        description=_TEXT,
        openapi_tags=_TAGS,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: "_".join([*map(str, route.tags), route.name]),
    )
    app.state.desk = desk
    for routes in (health, workflows, following, agents):
        app.include_router(routes.router)
    openapi.install(app, lambda: desk.access.keyless)
    pages.install(app)
    problems.install(app)
    app.add_middleware(
        Frame,
        keyless=lambda: desk.access.keyless and not settings.insecure,
        hosts=frozenset(name.lower() for name in settings.allowed_hosts),
        seen=desk.metrics.seen,
    )
    return app
