"""The workflow language as models: one class a mapping, one field a key (SPEC: docs/language.md).

A model says what it can see by itself: types, ranges, forms. What needs a second key or a second
part of the file is in `checks`. A rule of ours raises `PydanticCustomError` whose type is the
diagnostic's code; the loader gives pydantic's own errors their codes and every error its place.
Values are strict: ``"3"`` is no number and ``1`` no boolean. Durations are seconds as floats.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from leadagent_prefect.results import AgentResponse as AgentResponse
from leadagent_prefect.results import TaskResult as TaskResult
from leadagent_prefect.results import WorkflowResult as WorkflowResult
from leadagent_prefect.scalars import (
    check_min_success,
    check_name,
    parse_duration,
    parse_lifetime,
    parse_timeout,
)


class AgentType(str, Enum):
    """The built-in agent types; a file may name any registered one besides."""

    AI_AGENT = "ai_agent"
    MCP_SERVER = "mcp_server"
    HTTP_API = "http_api"
    CUSTOM = "custom"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Timeout = Annotated[float, BeforeValidator(parse_timeout)]
Lifetime = Annotated[float, BeforeValidator(parse_lifetime)]
Name = Annotated[str, BeforeValidator(check_name)]
CountOrPercent = Annotated[int | str, BeforeValidator(check_min_success)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Model(BaseModel):
    # By name too, as Python writes `as_`; a file is read by alias alone.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True)


# --- agents ---------------------------------------------------------------------------------------


class BearerAuth(_Model):
    """``Authorization: Bearer TOKEN``."""

    type: Literal["bearer"]
    token: StrictStr


class ApiKeyAuth(_Model):
    """A key in a header of its own."""

    type: Literal["api_key"]
    key: StrictStr
    header: StrictStr = "X-API-Key"


class BasicAuth(_Model):
    """``Authorization: Basic ...`` of a user name and a password."""

    type: Literal["basic"]
    username: StrictStr
    password: StrictStr


Authentication = Annotated[BearerAuth | ApiKeyAuth | BasicAuth, Field(discriminator="type")]

RetryOn = Literal[
    "timeout", "connection", "rate_limit", "server_error", "client_error",
    "tool_error", "invalid_output", "circuit_open", "any",
]  # fmt: skip


class RetryConfig(_Model):
    """How often and after what a failed attempt is tried again; ``max_attempts`` counts the first one.

    A task's is laid over its agent's key by key, so which fields were set matters (`model_fields_set`).
    """

    max_attempts: StrictInt = Field(3, ge=1, le=1000, description="attempts in all, the first one counted")
    initial_delay: Duration = Field(1.0, description="seconds before the first retry")
    max_delay: Duration = Field(60.0, description="no delay is longer than this")
    exponential_base: Number = Field(2.0, ge=1, description="each delay is this many times the one before")
    jitter: StrictBool = Field(True, description="draw each delay from 50-100% of its length")
    retry_on: list[RetryOn] = Field(
        ["timeout", "connection", "rate_limit", "server_error"], description="error classes to try again"
    )


class CircuitBreakerConfig(_Model):
    """After ``failure_threshold`` failures in a row no call is made for ``recovery_timeout`` seconds."""

    failure_threshold: StrictInt = Field(5, ge=1, description="failures in a row that open the circuit")
    recovery_timeout: Duration = Field(60.0, description="seconds until a call may probe the service again")
    half_open_max_calls: StrictInt = Field(1, ge=1, description="probes at a time, over all processes")


class AgentConfig(_Model):
    """Who is called. Strings may be templates over inputs, env, secrets and vars."""

    name: Name
    type: StrictStr = Field(description="ai_agent, mcp_server, http_api, custom or a registered type")
    endpoint: StrictStr | None = None
    timeout: Timeout = Field(30.0, description="seconds for one request")
    authentication: Authentication | None = None
    retry_config: RetryConfig | None = None
    circuit_breaker: CircuitBreakerConfig | None = None
    max_concurrency: StrictInt | None = Field(None, ge=1, description="calls at a time, over all runs")
    rate_limit: StrictStr | None = Field(None, pattern=r"^[1-9]\d{0,8}/[smh]$", description='such as "60/m"')
    custom_params: dict[str, Any] = Field(default_factory=dict)


# --- tasks ----------------------------------------------------------------------------------------


class CacheConfig(_Model):
    """The result is reused within ``ttl`` by every run with the same agent, action and parameters."""

    ttl: Lifetime


class CompensateConfig(_Model):
    """The call that undoes a completed task."""

    agent_name: StrictStr | None = None
    action: StrictStr
    parameters: dict[str, Any] = Field(default_factory=dict)
    timeout: Timeout | None = None
    retry_config: RetryConfig | None = None


class RepeatConfig(_Model):
    """The task again, until an expression is true."""

    until: StrictStr
    every: Duration = 0.0
    max_times: StrictInt = Field(60, ge=1)


TriggerRule = Literal["all_success", "none_failed", "all_done", "one_success", "one_failed"]


class TaskConfig(_Model):
    """What is called. One of agent_name, workflow, tasks, value, wait, fail, finish says which kind it is."""

    name: Name
    description: StrictStr | None = None
    agent_name: StrictStr | None = Field(None, description="the agent that is called")
    action: StrictStr | None = Field(None, description="what the agent is asked to do")
    parameters: dict[str, Any] = Field(default_factory=dict)
    timeout: Timeout | None = Field(None, description="seconds for one attempt")
    depends_on: list[StrictStr] = Field(default_factory=list)
    continue_on_failure: StrictBool = Field(False, description="tolerate a failure; the result is then null")
    retry_config: RetryConfig | None = None
    accept_status: list[Annotated[StrictInt, Field(ge=400, le=599)]] = Field(default_factory=list)
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema of the result")
    cache: CacheConfig | None = None
    compensate: CompensateConfig | None = None
    when: StrictStr | StrictBool | None = None
    trigger_rule: TriggerRule = "all_success"
    for_each: Any = None
    as_: StrictStr | None = Field(None, alias="as")
    key: StrictStr | None = None
    max_concurrency: StrictInt | None = Field(None, ge=1)
    tolerated_failures: CountOrPercent | None = None
    repeat: RepeatConfig | None = None
    workflow: StrictStr | None = None
    inputs: dict[str, Any] | None = None
    tasks: list[TaskConfig] | None = Field(None, min_length=1)
    outputs: dict[str, Any] | None = None
    value: Any = None
    wait: Duration | None = None
    fail: StrictStr | None = None
    finish: StrictStr | None = None


# --- the workflow ---------------------------------------------------------------------------------

JsonType = Literal["string", "integer", "number", "boolean", "array", "object"]


class InputConfig(BaseModel):
    """A typed input; keys beyond these are JSON Schema keywords. No default means required."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    type: JsonType
    default: Any = None
    description: StrictStr | None = None
    enum: list[Any] | None = None

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the value, as written."""
        return self.model_dump(exclude_unset=True)


class ScheduleConfig(_Model):
    """When a deployment of the workflow runs: one of cron, interval (seconds) or rrule."""

    cron: StrictStr | None = None
    interval: Timeout | None = None
    rrule: StrictStr | None = None
    timezone: StrictStr | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)
    active: StrictBool = True
    slug: StrictStr | None = None


FailureStrategy = Literal["stop_on_first_failure", "continue_on_failure", "partial_completion_allowed"]


class WorkflowSettings(_Model):
    """The top-level keys that are not lists of agents or tasks."""

    name: Name
    description: StrictStr | None = None
    version: StrictStr = "1.0.0"
    tags: list[StrictStr] = Field(default_factory=list)
    inputs: dict[str, InputConfig] = Field(default_factory=dict)
    parallel_execution: StrictBool = False
    max_parallel_tasks: StrictInt = Field(50, ge=1, description="task runs of one run at a time")
    failure_strategy: FailureStrategy = "stop_on_first_failure"
    min_success: CountOrPercent | None = None
    global_timeout: Timeout | None = Field(None, description="seconds for the whole run")
    schedule: Annotated[list[ScheduleConfig], BeforeValidator(_as_list)] = Field(default_factory=list)
    outputs: dict[str, Any] | None = None


class Workflow(WorkflowSettings):
    """A whole file: ``agents`` are called by ``tasks``."""

    agents: list[AgentConfig] = Field(default_factory=list)
    tasks: list[TaskConfig] = Field(min_length=1)
    on_failure: list[TaskConfig] = Field(default_factory=list)
    finally_: list[TaskConfig] = Field(default_factory=list, alias="finally")
