"""Results that are reused over runs: tasks with ``cache``.

All that makes two calls different goes through an HMAC, credentials too: of a plain hash a short one could
be guessed. A record is JSON, and is read as JSON whatever it says: one in Prefect's own form names the
serializer that is to read it, pickle too, and others may write to the storage.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import anyio
from prefect.filesystems import WritableFileSystem
from prefect.results import get_result_store

from leadagent_prefect import agent_types
from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.registry import BUILT_IN, AgentFactory
from leadagent_prefect.engine.pool import resolve
from leadagent_prefect.engine.steps.arrival import take_in
from leadagent_prefect.engine.steps.attempt import attempt
from leadagent_prefect.engine.steps.call import StepCall
from leadagent_prefect.errors import AgentError
from leadagent_prefect.models import AgentConfig

_log = logging.getLogger(__name__)

#: Where the records lie in Prefect's result storage.
FOLDER = "leadagent-cache"
#: Another form of the key or of the records gets another number, and never meets the old ones.
_FORM = 1
#: Seconds that the storage may take: a cache that is slower is none.
_PATIENCE_SECONDS = 5.0


async def answered(call: StepCall) -> dict[str, Any]:
    """What `attempt` gives, with the place at which it is ``kept_at`` for others; or what an equal call was
    given within the task's ttl, with ``cached: True``.

    What can't be read is as good as not there, and what can't be written is left: neither is an error.
    """
    place, perform = await _place(call), attempt if call.step.kind == "call" else call.run.enter
    if place is None:
        return await perform(call)
    if call.attempts == 1 and (kept := await _read(call, place)) is not None:
        return kept
    answer = await perform(call)
    await _write(call, place, answer)
    return {**answer, "kept_at": place}


async def forget(place: str) -> None:
    """No other run is to reuse the result at ``place`` from now on: what was done for it is undone."""
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            await _storage().write_path(place, b"null")
    except Exception as error:  # noqa: BLE001  # it has to be undone all the same
        _log.warning("a result that is undone is still kept for others: %s", type(error).__name__)


async def _place(call: StepCall) -> str | None:
    """Where the answer of such a call is kept; None where it is not to be."""
    if call.step.task.cache is None or not call.run.control.use_cache:
        return None
    try:
        text = json.dumps(_sameness(call), sort_keys=True, separators=(",", ":"))
    except AgentError:  # the call will fail of it, and say so
        return None
    signature = await call.run.seal.sign(text)
    return None if signature is None else f"{FOLDER}/{signature}.json"


def _sameness(call: StepCall) -> dict[str, Any]:
    """All that the answer depends on, with real secrets. Names, times, limits and retries are not in it.

    The rounds of a ``repeat`` are different calls: what is asked for is another answer.
    """
    turn = call.round.number if call.round is not None else 1
    asked = (_of_body if call.step.body is not None else _of_call)(call)
    return {**asked, "form": _FORM, "round": turn, "scope": call.run.control.scope}


def _of_body(call: StepCall) -> dict[str, Any]:
    body, ready = call.step.body, call.run.ready
    assert body is not None
    return {
        "workflow": body.plan.fingerprint,
        "inputs": call.parameters,
        "secrets": {name: ready.secrets.get(name) for name in sorted(body.plan.secrets)},
        "vars": {name: ready.variables.get(name) for name in sorted(body.plan.variables)},
        "env": {name: os.environ.get(name) for name in sorted(body.plan.environment)},
        "output_schema": call.step.task.output_schema,
    }


def _of_call(call: StepCall) -> dict[str, Any]:
    run, step = call.run, call.step
    agent = resolve(step.agent, run.scope())
    parameters = call.real_parameters()
    if agent.type == "http_api":
        parameters = {key: value for key, value in parameters.items() if key != "timeout"}
    ours = agent.type in BUILT_IN and agent.type not in agent_types.REGISTERED
    return {
        "type": agent.type,
        "class": None if ours else _class(AgentFactory.find(agent)),
        "endpoint": agent.endpoint,
        "custom_params": agent.custom_params,
        "credential": agent.authentication.model_dump() if agent.authentication else None,
        "action": step.action,
        "parameters": parameters,
        "upstream": run.upstream_results(step) if not ours or _asks_with_results(agent, parameters) else None,
        "accept_status": sorted(set(step.task.accept_status)),
        "output_schema": step.task.output_schema,
    }


def _asks_with_results(agent: AgentConfig, parameters: dict[str, Any]) -> bool:
    """Of the built-in agents one sends the results of ``depends_on``, where it is given no question."""
    return agent.type == "ai_agent" and not parameters.keys() & {"messages", "prompt"}


@cache
def _class(agent: type[BaseAgent]) -> list[str]:
    """A class of the user's by its module's text: each folder may have its own, and they are edited."""
    file = getattr(sys.modules.get(agent.__module__), "__file__", None)
    text = Path(file).read_bytes() if file else b""
    return [agent.__module__, agent.__qualname__, hashlib.sha256(text).hexdigest()]


async def _read(call: StepCall, place: str) -> dict[str, Any] | None:
    assert call.step.task.cache is not None  # there is a place
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            record = json.loads(await _storage().read_path(place))
        # Of two tasks with the same call each has a time of its own: the shorter one holds.
        until = min(record["expires_at"], record["stored_at"] + call.step.task.cache.ttl)
        if not record["stored_at"] <= time.time() < until:
            return None
        if record.get("by") == call.idempotency_key:
            return None  # its own, of an execution before: what it did is entered again
        # This run may know of secrets that the other one did not.
        answer = {key: take_in(record[key], call.run.redactor, key) for key in ("result", "metadata")}
        return {"result": answer["result"], "metadata": dict(answer["metadata"]), "cached": True}
    except Exception:  # noqa: BLE001  # there is none, or what is there is not ours
        return None


async def _write(call: StepCall, place: str, answer: dict[str, Any]) -> None:
    assert call.step.task.cache is not None  # there is a place
    stored_at = time.time()
    record = {"stored_at": stored_at, "expires_at": stored_at + call.step.task.cache.ttl, **answer}
    if call.key is None:
        record["by"] = call.idempotency_key
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            await _storage().write_path(place, json.dumps(record).encode())
    except Exception as error:  # noqa: BLE001  # the task has its answer, kept for others or not
        _log.warning('the result of task "%s" is not kept for others: %s', call.name, type(error).__name__)


def _storage() -> WritableFileSystem:
    storage = get_result_store().result_storage
    assert storage is not None  # the results of runs and tasks are kept
    return storage
