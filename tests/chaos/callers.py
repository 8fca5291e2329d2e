"""A process of many callers of one service, for the experiments: ``callers.py URL WORKER COUNT CONFIG``.

``CONFIG`` is the agent's, as JSON. The callers pass what calls of a run pass, and call again and again. The
process says ``ready``, and then every move of the circuit that is its own, in lines of JSON, until its stdin
is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import httpx

from leadagent_prefect.engine.process.stop import StopToken
from leadagent_prefect.engine.shared import board
from leadagent_prefect.engine.shared.guards import Guards
from leadagent_prefect.errors import AgentTimeout, CircuitOpen, ClientError, RateLimited, ServerError
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.redaction import Redactor

#: Seconds between two calls of a caller, made or refused.
PAUSE = 0.25
#: Seconds of an attempt.
TIMEOUT = 2.0
_SCOPE = {"inputs": {}, "tasks": {}, "secrets": {}, "vars": {}, "env": {}, "run": {}, "workflow": {}}
#: This is about an API that answers, on a machine that may be slow: an API that is away is no experiment.
vars(board)["_PATIENCE_SECONDS"] = 60.0
_ERRORS = {404: ClientError, 429: RateLimited, 500: ServerError}


def _say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


class Callers:
    def __init__(self, url: str, worker: str, config: dict[str, Any]) -> None:
        self.agent = AgentConfig.model_validate(config)
        self._url, self._worker = url, worker
        self.at_close: list[Any] = []
        self._run: Any = SimpleNamespace(
            plan=SimpleNamespace(agents={self.agent.name: self.agent}),
            scope=lambda: _SCOPE,
            control=SimpleNamespace(scope=""),
            redactor=Redactor([]),
            report=SimpleNamespace(circuit=lambda event, _, error: _say(event=event, worker=worker)),
            pool=SimpleNamespace(at_close=self.at_close),
        )
        self.guards = Guards(self._run)

    async def call(self, client: httpx.AsyncClient, token: StopToken) -> None:
        step = SimpleNamespace(agent=self.agent, timeout=TIMEOUT, request_timeout=TIMEOUT)
        call: Any = SimpleNamespace(step=step, token=token, run=self._run)

        async def make() -> dict[str, Any]:
            try:
                answer = await client.post(f"{self._url}/run/task", headers={"X-Worker": self._worker})
            except httpx.TimeoutException:
                raise AgentTimeout("no answer") from None
            if answer.status_code in _ERRORS:
                raise _ERRORS[answer.status_code](f"answered {answer.status_code}")
            return {}

        with suppress(AgentTimeout, CircuitOpen, ClientError, RateLimited, ServerError):
            await self.guards.passed(call, make)


async def main(url: str, worker: str, count: int, config: dict[str, Any]) -> None:
    callers, token, over = Callers(url, worker, config), StopToken(), asyncio.Event()
    token.bind()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=listen, daemon=True).start()
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:

        async def again_and_again() -> None:
            while not over.is_set():
                await callers.call(client, token)
                await asyncio.sleep(PAUSE)

        _say(ready=worker)
        await asyncio.gather(*(again_and_again() for _ in range(count)))
    for close in callers.at_close:
        await close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))
