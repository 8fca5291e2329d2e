"""How a run goes: its log, and its events as they happen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from leadagent_prefect.api.desk import At, Reader
from leadagent_prefect.api.events import stream
from leadagent_prefect.api.replies import Logs
from leadagent_prefect.api.routes.described import Page, problems, text

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])
_SAMPLE = 'id: 0198f3f0-6f1c\nevent: task_completed\ndata: {"name": "fetch_data", "attempt": 1}\n\n'


@router.get("/{execution_id}/logs", summary="The log of a run", responses=problems(404, 422))
async def logs(
    execution_id: str,
    desk: At,
    caller: Reader,
    page: Page = 1,
    page_size: Annotated[int, Query(ge=1, le=100, description="lines")] = 100,
) -> Logs:
    """Secrets are masked in it."""
    return await desk.runs(caller).logs(await desk.run(caller, execution_id), page, page_size)


@router.get(
    "/{execution_id}/events",
    summary="What happens in a run, as it happens",
    responses={**problems(404), **text("text/event-stream", _SAMPLE)},
    response_class=StreamingResponse,
)
async def events(
    execution_id: str,
    desk: At,
    caller: Reader,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", description="go on after this one")
    ] = None,
) -> StreamingResponse:
    """Server-sent events: ``workflow_started``, ``task_started``, ``task_completed`` and so on."""
    run = await desk.run(caller, execution_id)
    return StreamingResponse(stream(desk.prefect.client, run, last_event_id), media_type="text/event-stream")
