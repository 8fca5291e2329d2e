"""Agents without a workflow."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import ValidationError

from leadagent_prefect.api.agents import call
from leadagent_prefect.api.desk import At, Submitter
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.reading import body_of, read_document
from leadagent_prefect.api.replies import AgentTest, AgentTestResult
from leadagent_prefect.api.routes.bodies import agent_test_body
from leadagent_prefect.api.routes.described import problems

router = APIRouter(prefix="/api/v1/agents", tags=["agents"])


@router.post(
    "/test",
    summary="One call to one agent",
    openapi_extra=agent_test_body(),
    responses=problems(400, 408, 413, 415),
)
async def test(request: Request, desk: At, caller: Submitter) -> AgentTestResult:
    """An agent that fails, or may not be called, is an answer too: ``success`` is false then."""
    await desk.access.count_agent_test(caller)
    body = await body_of(request, desk.settings.max_body_bytes)
    document = read_document(body, request.headers.get("content-type", ""))
    try:
        wanted = AgentTest.model_validate(document.data)
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise Problem(422, "; ".join(rows)) from None
    return await call(wanted, desk.settings, lambda loaded: desk.stored(loaded, caller))
