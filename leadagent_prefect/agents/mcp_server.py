"""The agent type ``mcp_server``: a task calls a tool of an MCP server, reads a resource, gets a prompt.

The SDK takes a second to import, so it is imported when an agent is opened and by nothing before.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.mcp.actions import order_of
from leadagent_prefect.agents.mcp.endpoint import PARAMS, StdioServer, server_of
from leadagent_prefect.agents.mcp.exchange import Exchange
from leadagent_prefect.agents.policy import NetworkPolicy, network_policy
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.results import AgentResponse

if TYPE_CHECKING:
    from leadagent_prefect.agents.mcp.session import SessionKeeper, Wire

#: The key of a request's ``_meta`` that carries the idempotency key on every transport.
META_KEY = "leadagent/idempotency-key"


class MCPServerAgent(BaseAgent):
    """One session with one server for all tasks of a run; opened at the first call, and again when lost."""

    known_params = PARAMS

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(config)
        self._server = server_of(config)
        self._keeper: SessionKeeper | None = None

    async def open(self) -> None:
        """Loads the SDK. The session is opened by the first call, whose retries then hold for it."""
        await asyncio.to_thread(importlib.import_module, "leadagent_prefect.agents.mcp.session")
        self._sessions()

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        """``metadata`` has ``elapsed`` seconds, and over streamable HTTP ``status``."""
        order = order_of(action, parameters, self._server.limit)
        call = self.call
        exchange = Exchange.within(call.timeout, order.method, call.idempotency_key)
        meta = {META_KEY: call.idempotency_key} if call.idempotency_key else None
        doing = f"{order.subject} of {self._server.label}"
        started = time.perf_counter()
        result = await self._sessions().call(lambda session: order.perform(session, meta), exchange, doing)
        metadata: dict[str, Any] = {"elapsed": round(time.perf_counter() - started, 6)}
        if exchange.status is not None:
            metadata["status"] = exchange.status
        return AgentResponse(success=True, result=result, metadata=metadata)

    async def close(self) -> None:
        """Ends the session; a stdio server is gone, with all it started, when this returns."""
        if self._keeper is not None:
            await self._keeper.close()

    def _sessions(self) -> SessionKeeper:
        if self._keeper is None:
            from leadagent_prefect.agents.mcp.session import SessionKeeper

            _quieten()
            self._keeper = SessionKeeper(partial(self._wire, network_policy.get()))
        return self._keeper

    def _wire(self, policy: NetworkPolicy | None) -> Wire:
        if isinstance(self._server, StdioServer):
            from leadagent_prefect.agents.mcp.stdio import StdioWire

            return StdioWire(self._server)
        from leadagent_prefect.agents.mcp.http import HttpWire

        return HttpWire(self._server, policy)


def _quieten() -> None:
    """The SDK logs tracebacks of what our errors say already; a level that somebody has set is left."""
    logger = logging.getLogger("mcp")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
