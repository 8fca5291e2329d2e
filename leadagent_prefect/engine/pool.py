"""The agents of a run: each made and opened at its first call, and closed at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.registry import AgentFactory
from leadagent_prefect.engine.values import Ready
from leadagent_prefect.errors import AgentMisconfigured, TemplateError
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.plan import Plan
from leadagent_prefect.templates import render

_log = logging.getLogger(__name__)

#: Seconds in which one agent has to close; what takes longer is left behind, so that a run ends.
_CLOSE_SECONDS = 10.0


class AgentPool:
    """One open agent per name. ``endings`` see to calls that were cut short and have not ended yet;
    ``at_close`` is what else is opened for calls and closed with the agents.
    """

    def __init__(self, configs: Mapping[str, AgentConfig], scope: Mapping[str, Any]) -> None:
        self._configs, self._scope = configs, scope
        self._locks = {name: asyncio.Lock() for name in configs}
        self._open: dict[str, BaseAgent] = {}
        self.endings: set[asyncio.Task[None]] = set()
        self.at_close: list[Callable[[], Awaitable[None]]] = []

    async def get(self, name: str) -> BaseAgent:
        """The agent ``name``, opened; a failure to open is the call's, and the next call tries again."""
        async with self._locks[name]:
            if name not in self._open:
                self._open[name] = await self._make(name)
            return self._open[name]

    async def _make(self, name: str) -> BaseAgent:
        agent = AgentFactory.create(resolve(self._configs[name], self._scope))
        try:
            await agent.open()
        except BaseException:
            await _close(agent)
            raise
        return agent

    async def close(self) -> None:
        """Closes every open agent, in reverse order of opening, as soon as no call is left; never raises."""
        if self.endings:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(self.endings)
        while self._open:
            _, agent = self._open.popitem()
            await _close(agent)
        while self.at_close:
            await self.at_close.pop()()


def resolve(config: AgentConfig, scope: Mapping[str, Any]) -> AgentConfig:
    """``config`` with its templates rendered."""
    written = config.model_dump(exclude_unset=True)
    rendered = {
        key: value if key in ("name", "type") else render(value, scope) for key, value in written.items()
    }
    try:
        return AgentConfig.model_validate(rendered)
    except ValueError:
        raise AgentMisconfigured(
            f'agent "{config.name}": a template of it gives a value of the wrong type; keys of an agent '
            "other than those in custom_params take text"
        ) from None


def credentials(config: AgentConfig, scope: Mapping[str, Any]) -> list[str]:
    """The texts of an agent's authentication, rendered, that must never be shown."""
    if config.authentication is None:
        return []
    try:
        rendered = render(config.authentication.model_dump(), scope)
    except TemplateError:  # the calls of this agent will fail of it, and say so
        return []
    values = [rendered.get(key) for key in ("token", "key", "password")]
    if rendered["type"] == "basic":
        values.append(f"{rendered['username']}:{rendered['password']}")
    return [value for value in values if isinstance(value, str)]


def shown_inputs(plan: Plan, ready: Ready) -> dict[str, Any]:
    """The inputs as Prefect stores and shows them: with every secret and credential masked. From now on the
    redactor knows the credentials of the plan's agents.
    """
    scope = {"inputs": ready.inputs, "secrets": ready.secrets, "vars": ready.variables}
    for agent in plan.agents.values():
        ready.redactor.add(*credentials(agent, scope))
    return {name: ready.redactor.data(value) for name, value in ready.inputs.items()}


async def _close(agent: BaseAgent) -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_SECONDS) as scope:
        try:
            await agent.close()
        except Exception as error:  # noqa: BLE001  # an agent of a user may raise anything; the run has ended
            _log.warning('agent "%s" did not close cleanly: %s', agent.config.name, type(error).__name__)
    if scope.cancelled_caught:
        _log.warning('agent "%s" did not close within %g s', agent.config.name, _CLOSE_SECONDS)
