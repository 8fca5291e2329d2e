"""What is known of keys: which are allowed where, which belong elsewhere, an example of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel

from leadagent_prefect.models import (
    AgentConfig,
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    CacheConfig,
    CircuitBreakerConfig,
    CompensateConfig,
    InputConfig,
    RepeatConfig,
    RetryConfig,
    ScheduleConfig,
    TaskConfig,
    Workflow,
    WorkflowSettings,
)
from leadagent_prefect.source import Path

#: Keys of the language that are read but not run yet.
UNSUPPORTED: Mapping[type[BaseModel], frozenset[str]] = {}

_CHILDREN: Mapping[str, type[BaseModel]] = {
    "retry_config": RetryConfig,
    "circuit_breaker": CircuitBreakerConfig,
    "compensate": CompensateConfig,
    "cache": CacheConfig,
    "repeat": RepeatConfig,
    "schedule": ScheduleConfig,
    "tasks": TaskConfig,
}
_AUTHENTICATIONS: Mapping[str, type[BaseModel]] = {
    "bearer": BearerAuth,
    "api_key": ApiKeyAuth,
    "basic": BasicAuth,
}

_EXAMPLES: Mapping[tuple[type[BaseModel], str], str] = {
    (WorkflowSettings, "name"): "name: my_workflow",
    (Workflow, "tasks"): "tasks: [{name: fetch, agent_name: my_api, action: GET}]",
    (AgentConfig, "name"): "name: my_api",
    (AgentConfig, "type"): "type: http_api",
    (TaskConfig, "name"): "name: fetch",
    (BearerAuth, "type"): "type: bearer",
    (BearerAuth, "token"): 'token: "{{ secrets.MY_TOKEN }}"',
    (ApiKeyAuth, "key"): 'key: "{{ secrets.MY_KEY }}"',
    (BasicAuth, "username"): "username: me",
    (BasicAuth, "password"): 'password: "{{ secrets.MY_PASSWORD }}"',
    (InputConfig, "type"): "type: string",
    (CacheConfig, "ttl"): "ttl: 1h",
    (CompensateConfig, "action"): "action: DELETE",
    (RepeatConfig, "until"): "until: \"{{ result.state == 'DONE' }}\"",
}

_HOMES: tuple[tuple[type[BaseModel], str], ...] = (
    (RetryConfig, "belongs under retry_config"),
    (AgentConfig, "belongs to an agent"),
    (TaskConfig, "belongs to a task"),
    (WorkflowSettings, "belongs to the top of the file"),
    (BearerAuth, "belongs under authentication"),
    (ApiKeyAuth, "belongs under authentication"),
    (BasicAuth, "belongs under authentication"),
    (CircuitBreakerConfig, "belongs under circuit_breaker"),
)

#: Keys people look for in a task or agent that are parameters of the call.
_PARAMETERS = frozenset(
    {
        *("method", "params", "headers", "json", "body", "data", "url", "path", "query"),
        *("model", "messages", "prompt", "max_tokens", "temperature", "system", "tools", "input"),
        *("tool", "arguments", "args", "uri"),
    }
)


def model_at(model: type[BaseModel], path: Path, tag: object = None) -> type[BaseModel]:
    """The model of the mapping at ``path`` within a part; ``tag`` is the type of an authentication."""
    for step in path:
        if step == "inputs":
            return InputConfig  # what follows is a name of the author's
        if step == "authentication":
            return _AUTHENTICATIONS.get(str(tag), BearerAuth)
        model = _CHILDREN.get(str(step), model)
    return model


@cache
def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys a mapping may have, as they are written in a file."""
    owner = Workflow if model is WorkflowSettings else model
    return tuple(field.alias or name for name, field in owner.model_fields.items())


def suggested(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that an unknown one may have meant."""
    owner = Workflow if model is WorkflowSettings else model
    return tuple(key for key in keys_of(model) if key not in UNSUPPORTED.get(owner, frozenset()))


def example(model: type[BaseModel], key: str) -> str:
    """A line that shows the key in use."""
    return _EXAMPLES.get((model, key), f"{key}: ...")


def home_of(model: type[BaseModel], key: str) -> str | None:
    """Where a key that is not known here does belong, if anywhere."""
    if model in _AUTHENTICATIONS.values():
        return None
    if model in (TaskConfig, CompensateConfig) and key in _PARAMETERS:
        return "put it under parameters"
    if model is AgentConfig and key in _PARAMETERS:
        return "put it under parameters of a task"
    return next((words for home, words in _HOMES if home is not model and key in keys_of(home)), None)
