"""The JSON Schema (2020-12) of the workflow language, for editors; made from the models.

It is as strict as a schema can be: what it refuses, leadagent refuses too, but not the other way round,
since no schema knows which tasks and agents a name may mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from leadagent_prefect import models, scalars

_DURATION_TEXT = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h)\s*$"
_DURATION_HELP = 'seconds, or a text with a unit such as "500ms", "30s", "5m" or "2h"'

#: What a parser of scalars takes; pydantic can't see that in a function.
_SCALARS: Mapping[Callable[..., Any], JsonSchemaValue] = {
    scalars.parse_duration: {
        "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _DURATION_TEXT}]
    },
    scalars.parse_timeout: {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _DURATION_TEXT}]
    },
    scalars.parse_lifetime: {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": _DURATION_TEXT}]
    },
    scalars.check_name: {"type": "string", "minLength": 1, "maxLength": 128},
    scalars.check_min_success: {
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d{1,3}(\.\d+)?%$"}]
    },
}

#: Keys whose model has no description of its own; by definition and key.
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "Workflow": {
        "name": "the name of the workflow, and of its flow in Prefect",
        "description": "what it does, for people",
        "version": "the version of the workflow",
        "tags": "Prefect tags of the run and the deployment",
        "inputs": "typed parameters of a run, by name",
        "parallel_execution": "start every task as soon as what it waits for has ended, not one at a time",
        "failure_strategy": "what a failure that is not tolerated does to the rest of the run",
        "min_success": 'completed tasks that make a run with partial completion a success: a count, or "80%"',
        "schedule": "when a deployment of the workflow runs",
        "outputs": "the run's own result: templates by name",
        "agents": "who is called",
        "tasks": "what is called",
        "on_failure": "tasks that run when the run has failed, after compensation; they see run.error",
        "finally": "tasks that run last, however the run has ended; they see run.status",
    },
    "AgentConfig": {
        "name": "the name by which tasks call the agent",
        "endpoint": "where the service is: a URL, or stdio:COMMAND for an MCP server",
        "authentication": "how the service knows who calls",
        "retry_config": "whether failed attempts of the agent's tasks are tried again",
        "circuit_breaker": "when to leave a failing service alone for a while",
        "custom_params": "what only this type of agent knows",
    },
    "TaskConfig": {
        "name": "the name of the task; others read its answer as tasks.NAME.result",
        "description": "what it does, for people",
        "parameters": "what the agent is given; strings may be templates",
        "depends_on": "tasks to wait for whose answers are not read",
        "retry_config": "laid over the agent's, key by key",
        "accept_status": "HTTP statuses of 400 and more that are answers, not failures",
        "cache": "reuse an equal call's result",
        "compensate": "the call that undoes this one when the run fails later",
        "when": "an expression; false skips the task",
        "trigger_rule": "how the tasks it waits for must have ended",
        "for_each": "a list or mapping: the task runs once for each item",
        "as": "the name of the item, instead of item",
        "key": "an expression that names each item's task run",
        "max_concurrency": "items at a time",
        "tolerated_failures": 'items that may fail: a count, or "10%"',
        "repeat": "run the task again, a round after the other, until an expression is true",
        "workflow": "the file of a sub-workflow, relative to this one; its outputs are the result",
        "inputs": "what the sub-workflow is given for its inputs; strings may be templates",
        "tasks": "tasks that stand in this one and see what is around it; beside it, its result is seen",
        "outputs": "the result of the tasks that stand in this one: templates by name",
        "value": "the task's result, without a call",
        "wait": "how long to wait, without a call",
        "fail": "the message with which the run fails",
        "finish": "the reason for which the run ends early, completed",
    },
    "BearerAuth": {"type": "Authorization: Bearer", "token": "the token; better a template over secrets"},
    "ApiKeyAuth": {
        "type": "a key in a header",
        "key": "the key; better a template over secrets",
        "header": "the header's name",
    },
    "BasicAuth": {
        "type": "user name and password",
        "username": "the user name",
        "password": "the password; better a template over secrets",
    },
    "CacheConfig": {"ttl": "how long a result may be reused"},
    "CompensateConfig": {
        "agent_name": "the agent that undoes; by default the task's own",
        "action": "what it is asked to do",
        "parameters": "what it is given; templates also see result, this task's own",
        "timeout": "seconds for one attempt",
        "retry_config": "laid over the agent's, key by key",
    },
    "RepeatConfig": {
        "until": "an expression over result, and previous, that of the round before; true ends it",
        "every": "the wait between rounds",
        "max_times": "rounds after which the task fails",
    },
    "InputConfig": {
        "type": "the JSON type of the value",
        "default": "the value where none is given; without it one is required",
        "description": "what it is for, shown in Prefect's form",
        "enum": "the values it may have",
    },
    "ScheduleConfig": {
        "cron": 'a cron expression such as "0 9 * * 1-5"',
        "interval": "seconds between runs",
        "rrule": "an iCalendar rule",
        "timezone": "an IANA name such as Europe/Berlin",
        "inputs": "inputs of the scheduled runs",
        "active": "whether the schedule is on",
        "slug": "a name that stays when the schedule changes",
    },
}


def json_schema() -> dict[str, Any]:
    """The schema of a whole file, as JSON data."""
    made = models.Workflow.model_json_schema(by_alias=True, schema_generator=_Generator)
    definitions = {name: _tidy(name, part) for name, part in sorted(made.pop("$defs").items())}
    # Free keys, such as a place for anchors (SPEC: docs/language.md).
    top = {**_tidy("Workflow", made), "patternProperties": {"^x-": {}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "leadagent workflow",
        **top,
        "$defs": definitions,
    }


class _Generator(GenerateJsonSchema):
    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        function = schema["function"]["function"]
        if function in _SCALARS:
            return dict(_SCALARS[function])
        # The other one takes a single mapping for a list of one.
        items = self.generate_inner(schema["schema"])
        return {"anyOf": [items["items"], items]}


def _tidy(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """Without titles and null defaults, which say nothing, and with a description of every key."""
    properties = {
        key: _described(name, key, {k: v for k, v in value.items() if k not in ("title", "discriminator")})
        for key, value in part["properties"].items()
    }
    description = part.get("description", "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
    rest = {key: value for key, value in part.items() if key not in ("title", "description", "properties")}
    return {"description": description, **rest, "properties": properties}


def _described(name: str, key: str, value: dict[str, Any]) -> dict[str, Any]:
    if value.get("default", ...) in (None, [], {}):
        del value["default"]
    for branch in value.get("anyOf", ()):
        branch.pop("discriminator", None)
    text = value.pop("description", None) or _TEXTS[name][key]
    if {"pattern": _DURATION_TEXT, "type": "string"} in value.get("anyOf", ()):
        text = f"{text} ({_DURATION_HELP})"
    return {"description": text, **value}
