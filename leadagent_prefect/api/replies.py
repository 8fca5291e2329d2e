"""The other bodies of requests and answers: what is not a run itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from leadagent_prefect.api.schemas import RunId


class LogLine(BaseModel):
    timestamp: datetime = Field(examples=["2026-01-15T10:30:02Z"])
    level: str = Field(examples=["INFO"])
    message: str = Field(examples=["Task run 'fetch_data' finished in state Completed()"])
    task: str | None = Field(None, examples=["fetch_data"])


class Logs(BaseModel):
    """A page of a run's log, oldest line first; ``has_more`` says that another page follows."""

    execution_id: RunId
    logs: list[LogLine]
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[100])
    has_more: bool = Field(examples=[False])


class Finding(BaseModel):
    """One problem of a workflow, and where it stands in the body."""

    line: int | None = Field(examples=[2])
    column: int | None = Field(examples=[3])
    severity: Literal["error", "warning"]
    code: str = Field(examples=["unknown-key"])
    message: str = Field(examples=['unknown key "nmae"'])
    hint: str | None = Field(examples=['did you mean "name"?'])


class Validation(BaseModel):
    valid: bool = Field(examples=[False])
    diagnostics: list[Finding]


class AgentTest(BaseModel):
    """One call to one agent."""

    model_config = ConfigDict(extra="forbid")

    agent_config: dict[str, Any] = Field(
        examples=[
            {
                "name": "test_agent",
                "type": "http_api",
                "endpoint": "https://api.example.com",
                "timeout": 30,
            }
        ]
    )
    test_action: str = Field("ping", examples=["ping"])
    test_parameters: dict[str, Any] = Field(
        default_factory=dict, examples=[{"method": "GET", "endpoint": "/posts/1"}]
    )


class AgentTestResult(BaseModel):
    """What the agent answered; ``response_time`` is in seconds."""

    agent_name: str = Field(examples=["test_agent"])
    success: bool = Field(examples=[True])
    response_time: float = Field(examples=[0.234])
    result: Any = Field(examples=[{"id": 1}])
    error: str | None = Field(examples=[None])


class Wrong(BaseModel):
    """A parameter that is not valid."""

    where: str = Field(examples=["query.page"])
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class ProblemDocument(BaseModel):
    """RFC 9457; an invalid workflow adds ``diagnostics``, an invalid parameter ``errors``."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no such workflow execution"])
    request_id: str | None = Field(None, examples=["7f3c9a2be1d04c55"])
    diagnostics: list[Finding] | None = None
    errors: list[Wrong] | None = None
