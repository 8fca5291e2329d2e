"""Runs of workflows: made, listed, looked at, cancelled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.requests import Request
from pydantic.json_schema import SkipJsonSchema

from leadagent_prefect.api import runs as views
from leadagent_prefect.api.aside import examined, taken
from leadagent_prefect.api.desk import At, Canceller, Reader, Submitter
from leadagent_prefect.api.prefect_side import Order, OtherRequest
from leadagent_prefect.api.problems import Problem, as_row
from leadagent_prefect.api.replies import Finding, Validation
from leadagent_prefect.api.routes.bodies import workflow_body
from leadagent_prefect.api.routes.described import Page, RunId, linked, problems
from leadagent_prefect.api.schemas import Change, Created, Details, Executions, RunStatus, Status

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])

_VISIBLE = r"^[\x21-\x7e]{1,255}$"
_IdempotencyKey = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="Idempotency-Key",
        pattern=_VISIBLE,
        json_schema_extra={"pattern": _VISIBLE},
        description="visible ASCII; requests with the same one make one run, for 24 h",
        examples=["order-1"],
    ),
]
_BODY = workflow_body()


@router.post(
    "",
    summary="Create and execute a workflow",
    openapi_extra=_BODY,
    responses={**problems(400, 408, 413, 415), **linked()},
)
async def create(
    request: Request,
    desk: At,
    caller: Submitter,
    idempotency_key: _IdempotencyKey = None,
) -> Created:
    """Takes a run on and answers at once; the run goes on in another process."""
    loaded, inputs = await desk.checked(request, taken)
    workflow = loaded.workflow
    order = Order(
        stored=desk.stored(loaded, caller),
        inputs=inputs,
        workflow=workflow.name,
        total=len(workflow.tasks),
        key=idempotency_key,
        tags=tuple(workflow.tags),
    )
    try:
        run = await desk.prefect.submit(order)
    except OtherRequest:
        raise Problem(422, "this Idempotency-Key was used for another request") from None
    desk.metrics.submitted.inc()
    return views.created(run)


@router.post(
    "/validate",
    summary="Check a workflow without running it",
    openapi_extra=_BODY,
    responses=problems(400, 408, 413, 415),
)
async def validate(request: Request, desk: At, caller: Submitter) -> Validation:
    """All that is wrong with it, with the places."""
    rows = [Finding.model_validate(as_row(one)) for one in await desk.checked(request, examined)]
    return Validation(valid=all(row.severity != "error" for row in rows), diagnostics=rows)


@router.get("", summary="List runs, newest first", responses=problems())
async def listing(
    desk: At,
    caller: Reader,
    page: Page = 1,
    page_size: Annotated[int, Query(ge=1, le=100, examples=[10])] = 10,
    status: Annotated[RunStatus | SkipJsonSchema[None], Query(examples=["completed"])] = None,
) -> Executions:
    return await desk.runs(caller).page(page, page_size, status)


@router.get("/{execution_id:uuid}", summary="All there is to know of a run", responses=problems(404))
async def get(execution_id: RunId, desk: At, caller: Reader) -> Details:
    return await desk.runs(caller).details(await desk.run(caller, execution_id))


@router.get("/{execution_id:uuid}/status", summary="Status and progress", responses=problems(404))
async def status(execution_id: RunId, desk: At, caller: Reader) -> Status:
    return await desk.runs(caller).status(await desk.run(caller, execution_id))


@router.delete("/{execution_id:uuid}", summary="Cancel a run", responses=problems(404, 409))
async def cancel(execution_id: RunId, desk: At, caller: Canceller) -> Change:
    """Cancelling once more changes nothing."""
    try:
        return await desk.runs(caller).cancel(await desk.run(caller, execution_id))
    except views.NotNow as error:
        raise Problem(409, str(error)) from None


@router.post("/{execution_id:uuid}/resume", summary="Resume a run", responses=problems(404, 409))
async def resume(execution_id: RunId, desk: At, caller: Submitter) -> Change:
    """A run that has failed or was cancelled goes on where it stopped; what is completed stays so."""
    try:
        return await desk.runs(caller).resume(await desk.run(caller, execution_id))
    except views.NotNow as error:
        raise Problem(409, str(error)) from None
