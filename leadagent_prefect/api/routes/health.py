"""Is it alive, is it ready, what is here, and how much was done."""

from __future__ import annotations

from datetime import datetime, timezone

from fastapi import APIRouter, Response

from leadagent_prefect import __version__
from leadagent_prefect.api.about import Alive, Health, Index, Ready
from leadagent_prefect.api.desk import Admin, At
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.routes.described import OPEN, only, problems, text

router = APIRouter(tags=["health"])
_SAMPLE = 'leadagent_http_requests_total{method="GET",route="/api/v1/health",status="200"} 1.0\n'


@router.get("/", summary="What is here", openapi_extra=OPEN, responses=only())
async def index() -> Index:
    """The service, and where its endpoints and pages are."""
    return Index(
        name="leadagent",
        version=__version__,
        docs="/docs",
        redoc="/redoc",
        openapi="/openapi.json",
        endpoints={
            "health": "/api/v1/health",
            "workflows": "/api/v1/workflows",
            "validate": "/api/v1/workflows/validate",
            "agents_test": "/api/v1/agents/test",
            "metrics": "/metrics",
        },
    )


@router.get("/api/v1/health", summary="Health and service information", openapi_extra=OPEN, responses=only())
async def health(desk: At) -> Health:
    """``degraded`` where Prefect does not answer: runs can't be taken on then, and none can be looked up."""
    reachable = await desk.prefect.ready()
    return Health(
        status="healthy" if reachable else "degraded",
        service="leadagent",
        version=__version__,
        timestamp=datetime.now(timezone.utc),
        prefect="reachable" if reachable else "unreachable",
    )


@router.get("/api/v1/health/live", summary="Is the process alive?", openapi_extra=OPEN, responses=only())
async def live() -> Alive:
    """It says nothing of Prefect: a process that waits for it is not to be started anew."""
    return Alive()


@router.get("/api/v1/health/ready", summary="Can runs be taken on?", openapi_extra=OPEN, responses=only(503))
async def ready(desk: At) -> Ready:
    """503 where Prefect does not answer."""
    if not await desk.prefect.ready():
        raise Problem(503, "the Prefect API does not answer", headers={"Retry-After": "5"})
    return Ready()


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    responses={**problems(), **text("text/plain", _SAMPLE)},
    response_class=Response,
)
async def metrics(desk: At, caller: Admin) -> Response:
    """Those of this process, in Prometheus' text format."""
    return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4")
