"""Where the names of templates get their values: secrets, variables, environment, inputs, tasks."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.inputs import check_inputs
from leadagent_prefect.plan import Plan
from leadagent_prefect.redaction import Redactor


@dataclass(frozen=True)
class Ready:
    """Everything that must be known before the first call; ``redactor`` knows the secrets."""

    inputs: Mapping[str, Any]
    secrets: Mapping[str, str]
    variables: Mapping[str, Any]
    redactor: Redactor


async def prepare(plan: Plan, inputs: Mapping[str, Any]) -> Ready:
    """Validates inputs, loads secrets and variables; `ConfigurationError` says what is missing or wrong."""
    checked = check_inputs(plan.workflow, inputs)
    secrets = await load_secrets(plan.secrets, plan.required_secrets)
    return Ready(checked, secrets, await load_variables(plan.variables), Redactor(secrets.values()))


class References(Mapping[str, str]):
    """Stands in for secrets where a value may be stored: every name answers with a reference to itself."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def __getitem__(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(name)
        return f"{{{{ secrets.{name} }}}}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def block_name(secret: str) -> str:
    """The Prefect `Secret` block of ``secrets.X``: lower case, with ``-`` for ``_``."""
    return secret.lower().replace("_", "-")


async def load_secrets(names: Iterable[str], required: Iterable[str]) -> dict[str, str]:
    """The values of secrets: of the Secret block first, of the environment variable otherwise.

    Raises `ConfigurationError` that names every required one that is in neither.
    """
    ordered = sorted(names)
    if not ordered:
        return {}
    async with get_client() as client:
        found = await asyncio.gather(*(_secret(client, name) for name in ordered))
    values = dict(zip(ordered, found, strict=True))
    missing = sorted(name for name in required if values[name] is None)
    if missing:
        lines = [
            f'secret "{name}" is missing: make a Prefect Secret block named "{block_name(name)}" '
            f"or set the environment variable {name}"
            for name in missing
        ]
        raise ConfigurationError("\n".join(lines))
    return {name: value for name, value in values.items() if value is not None}


async def _secret(client: PrefectClient, name: str) -> str | None:
    try:
        # As it is stored: `Secret.aload` says ValueError for "no such block" as for a number in one.
        document = await client.read_block_document_by_name(block_name(name), "secret")
    except ObjectNotFound:
        return os.environ.get(name) or None  # an empty one is how many a shell says "not set"
    value = document.data.get("value")
    return value if isinstance(value, str) else json.dumps(value)


async def load_variables(names: Iterable[str]) -> dict[str, Any]:
    """The values of Prefect Variables; one that does not exist is left out."""
    ordered = sorted(names)
    if not ordered:
        return {}
    async with get_client() as client:
        found = await asyncio.gather(*(client.read_variable_by_name(name) for name in ordered))
    pairs = zip(ordered, found, strict=True)
    return {name: variable.value for name, variable in pairs if variable is not None}


class TaskView(Mapping[str, Any]):
    """``tasks`` in a template: every task that has ended, as data."""

    def __init__(self, outcomes: Mapping[str, Outcome]) -> None:
        self._outcomes = outcomes

    def __getitem__(self, name: str) -> dict[str, Any]:
        outcome = self._outcomes[name]
        return {
            "result": outcome.result if outcome.status == "completed" else None,
            "status": outcome.status,
            "error": outcome.error,
            "error_class": outcome.error_class,
            "metadata": dict(outcome.metadata),
            "errors": {key: dict(error) for key, error in outcome.item_errors.items()},
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)
