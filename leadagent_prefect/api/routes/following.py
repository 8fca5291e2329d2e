"""How a run goes: its log, and its events as they happen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic.json_schema import SkipJsonSchema

from leadagent_prefect.api.desk import At, Reader
from leadagent_prefect.api.events import stream
from leadagent_prefect.api.replies import Logs
from leadagent_prefect.api.routes.described import Page, RunId, problems, text

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])

_ID = "0198f3f0-6f1c-7a5e-8c7d-1f2e3d4c5b6a"
_SAMPLE = {"id": _ID, "event": "task_completed", "data": '{"name": "fetch_data", "attempt": 1}'}
#: One event, by the names of its lines.
_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["id", "event", "data"],
}
LastEventId = Annotated[
    str | SkipJsonSchema[None],
    Header(alias="Last-Event-ID", description="the event after which to go on", examples=[_ID]),
]


@router.get("/{execution_id:uuid}/logs", summary="The log of a run", responses=problems(404))
async def logs(
    execution_id: RunId,
    desk: At,
    caller: Reader,
    page: Page = 1,
    page_size: Annotated[int, Query(ge=1, le=100, description="lines", examples=[100])] = 100,
) -> Logs:
    """Secrets are masked in it."""
    return await desk.runs(caller).logs(await desk.run(caller, execution_id), page, page_size)


@router.get(
    "/{execution_id:uuid}/events",
    summary="What happens in a run, as it happens",
    responses={**problems(404), **text("text/event-stream", _SAMPLE, _EVENT)},
    response_class=StreamingResponse,
)
async def events(
    execution_id: RunId, desk: At, caller: Reader, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Server-sent events: ``workflow_started``, ``task_started``, ``task_completed`` and so on."""
    run = await desk.run(caller, execution_id)
    return StreamingResponse(stream(desk.prefect.client, run, last_event_id), media_type="text/event-stream")
