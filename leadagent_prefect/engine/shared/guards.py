"""What a call passes before it is made: the limits of its service, and its circuit breaker.

Who waits for a limit has made no attempt yet, so a step's timeout does not run; the end of the run ends the
wait. The breaker is asked last, so that what it says is still so when the call is made, and before as well,
so that nobody queues for a service that is not called.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadagent_prefect.engine.pool import resolve
from leadagent_prefect.engine.shared.desk import Desk
from leadagent_prefect.engine.shared.record import Changed, Record
from leadagent_prefect.engine.shared.slots import Slot
from leadagent_prefect.errors import AgentError, CallCancelled, CircuitOpen
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.observe.events import EventType
from leadagent_prefect.resilience.breaker import Result, admit, result_of
from leadagent_prefect.resilience.circuit import Circuit, Thresholds, Ticket
from leadagent_prefect.resilience.pace import Rate
from leadagent_prefect.resilience.service import Service, service_of

if TYPE_CHECKING:
    from leadagent_prefect.engine.run import Run
    from leadagent_prefect.engine.steps.call import StepCall

_EVENTS: dict[str, EventType] = {
    "open": "circuit_opened",
    "half_open": "circuit_half_opened",
    "closed": "circuit_closed",
}
#: A probe keeps others out for as long as its attempt may take; where that is open, for this many of its
#: requests, and at least so many seconds.
_REQUESTS, _PROBE_SECONDS = 2, 60.0


@dataclass(frozen=True)
class _Rules:
    """What holds for the calls of one agent."""

    service: Service
    breaker: Thresholds | None
    slots: int | None
    rate: Rate | None


class Guards:
    """Of one run. Without limits and breakers in its workflow there is nothing here, and nothing is done."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._guarded = {name for name, agent in run.plan.agents.items() if _has_rules(agent)}
        self._opening: asyncio.Task[Desk] | None = None
        self._rules: dict[str, _Rules] = {}
        self._circuits: dict[str, Record[Circuit]] = {}

    async def passed(self, call: StepCall, make: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """What ``make`` gives, which is called once the call may be made; `CircuitOpen` where it may not."""
        name = call.step.agent.name
        if name not in self._guarded:
            return await make()
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        desk = await asyncio.shield(self._opening)
        rules = self._rules.get(name)
        if rules is None:  # a template of the agent fails, and so will the call
            return await make()
        return await _Passage(self._run, desk, rules, self._circuits.get(name), call).through(make)

    async def _open(self) -> Desk:
        desk = await Desk.open()
        self._run.pool.at_close.append(self._close)
        self._rules = _rules(self._run, self._guarded)
        for name, rules in self._rules.items():
            if rules.breaker is not None:
                self._circuits[name] = await desk.board.ask(desk.circuits.open(rules.service))
        return desk

    async def _close(self) -> None:
        """With the run's agents; a call after it opens all anew."""
        assert self._opening is not None  # that is what it closes
        desk, self._opening = await self._opening, None
        await desk.close()


def _has_rules(agent: AgentConfig) -> bool:
    return bool(agent.circuit_breaker or agent.max_concurrency or agent.rate_limit)


def _rules(run: Run, guarded: set[str]) -> dict[str, _Rules]:
    found: dict[str, tuple[AgentConfig, Service]] = {}
    for name in guarded:
        try:
            agent = resolve(run.plan.agents[name], run.scope())
        except AgentError:
            continue
        service = service_of(agent.type, agent.endpoint, agent.custom_params).within(run.control.scope)
        found[name] = agent, Service(service.name, run.redactor.text(service.label))
    return {name: _of(agent, service, found) for name, (agent, service) in found.items()}


def _of(agent: AgentConfig, service: Service, found: dict[str, tuple[AgentConfig, Service]]) -> _Rules:
    """Of different limits for one service the lowest holds; thresholds are each agent's own."""
    same = [other for other, of in found.values() if of.name == service.name]
    rates = [Rate.of(other.rate_limit) for other in same if other.rate_limit is not None]
    return _Rules(
        service,
        Thresholds.of(agent.circuit_breaker) if agent.circuit_breaker is not None else None,
        min((other.max_concurrency for other in same if other.max_concurrency is not None), default=None),
        max(rates, key=lambda rate: rate.interval, default=None),
    )


class _Passage:
    """The way of one attempt through the rules."""

    def __init__(
        self, run: Run, desk: Desk, rules: _Rules, circuit: Record[Circuit] | None, call: StepCall
    ) -> None:
        self._run, self._desk, self._rules = run, desk, rules
        self._circuit, self._call = circuit, call

    async def through(self, make: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        await self._look()
        async with AsyncExitStack() as stack:
            await self._wait(stack)
            if self._circuit is None or self._rules.breaker is None:
                return await make()
            ticket = await self._enter(self._circuit, self._rules.breaker)
            result: Result = "neutral"
            error: AgentError | None = None
            try:
                answer = await make()
                result = "success"
                return answer
            except AgentError as raised:
                error, result = raised, result_of(raised)
                raise
            finally:
                await self._leave(self._circuit, self._rules.breaker, ticket, result, error)

    async def _look(self) -> None:
        """Refuses at once what would be refused after the wait for a limit."""
        if self._circuit is not None and self._rules.breaker is not None:
            board = self._desk.board
            if board.rung():
                await board.ask(board.fresh(math.inf))
            turn = admit(self._circuit.view, self._rules.breaker, board.clock.now(), "")
            if turn.ticket is None and turn.wait is not None:
                raise self._refusal(turn.circuit, turn.wait)

    async def _wait(self, stack: AsyncExitStack) -> None:
        rules, desk = self._rules, self._desk
        if rules.slots is not None:
            slot = Slot(rules.service, rules.slots)
            stack.push_async_callback(lambda: desk.board.ask(desk.slots.leave(slot)))
            await self._unless_stopped(desk.board.ask(desk.slots.enter(slot)))
        if rules.rate is not None:
            await self._unless_stopped(desk.board.ask(desk.paces.wait(rules.service, rules.rate)))

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        token, task = self._call.token, asyncio.ensure_future(work)
        try:
            either: set[asyncio.Future[Any]] = {task, token.future}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise CallCancelled(token.future.result().reason)
            task.result()
        finally:
            task.cancel()

    async def _enter(self, circuit: Record[Circuit], wanted: Thresholds) -> Ticket:
        view = circuit.view
        if view.healthy and not self._desk.board.rung():
            return Ticket(view.generation)
        step = self._call.step
        seconds = step.timeout or max(_PROBE_SECONDS, _REQUESTS * step.request_timeout)
        changed = await self._desk.board.ask(self._desk.circuits.enter(circuit, wanted, seconds))
        self._report(changed)
        turn = changed.decision
        if turn.ticket is None:
            raise self._refusal(turn.circuit, turn.wait)
        ticket: Ticket = turn.ticket
        return ticket

    async def _leave(
        self,
        circuit: Record[Circuit],
        wanted: Thresholds,
        ticket: Ticket,
        result: Result,
        error: AgentError | None,
    ) -> None:
        if ticket.probe is None and (result == "neutral" or (result == "success" and circuit.view.healthy)):
            return
        text = error.message if error is not None else None
        circuits = self._desk.circuits
        changed = await self._desk.board.ask(circuits.leave(circuit, ticket, result, wanted, text))
        self._report(changed)

    def _report(self, changed: Changed[Circuit]) -> None:
        """Tells of what this run has moved; of what others have, they tell."""
        before, after = changed.before, changed.after
        if before.state != after.state:
            error = after.last_error if after.state == "open" else None
            self._run.report.circuit(_EVENTS[after.state], self._call.step.agent.name, error)

    def _refusal(self, circuit: Circuit, wait: float | None) -> CircuitOpen:
        left = "a call tries the service at this moment" if wait is None else f"{wait:.1f} s left"
        last = f"; the last failure: {circuit.last_error}" if circuit.last_error else ""
        label = self._rules.service.label
        message = self._run.redactor.text(f"Circuit breaker is open ({label}): {left}{last}")
        return CircuitOpen(message, retry_after=wait)
