"""One task run of a step: what it is given, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import TaskRun

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.process.stop import StopToken
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.errors import AgentError, TemplateError
from leadagent_prefect.plan import Step, on_one_line
from leadagent_prefect.templates import render


@dataclass(frozen=True)
class Item:
    """One item of a map; ``key`` names its task run, ``names`` are what templates see of it."""

    key: str
    names: Mapping[str, Any]


@dataclass(frozen=True)
class Round:
    """One round of a ``repeat``, counted from 1; ``previous`` is the result of the one before."""

    number: int = 1
    previous: Any = None


class StepCall:
    """What a task run is given. A plain object: Prefect looks into dicts and lists, which costs seconds for
    large parameters, and into states, and would act on ``$ref`` in an agent's answer.
    """

    #: Whether it undoes another one.
    undoes = False

    def __init__(
        self,
        run: Run,
        step: Step,
        skip: Outcome | None = None,
        *,
        item: Item | None = None,
        token: StopToken | None = None,
        turn: Round | None = None,
    ) -> None:
        self.run, self.step, self.item = run, step, item
        self.token = token or run.control.token
        self.round = turn or (Round() if step.task.repeat is not None else None)
        #: Of a repeated step, the call of the round that goes on, or was the last one.
        self.latest = self
        self.outcome = skip
        self.parameters: dict[str, Any] = {}
        self.problem: TemplateError | None = None
        #: Of each of its `levels`; see `engine.store.generations`, which sets it before the call is made.
        self.generations: tuple[int, ...] = (0,) * len(self.levels)
        #: Under which the result of the first generation is kept.
        self.first_key: str | None = None
        self.delay: float | None = None
        self.backing_off = False
        #: Whether Prefect's UI is to draw what comes after it; of thousands of items not all are drawn.
        self.has_arrows = True
        self.attempts = 0
        self.task_run: TaskRun | None = None
        self.started_at = now()
        if skip is None:
            self._prepare()

    def _prepare(self) -> None:
        """Judges the condition and renders the parameters, with secrets as references, for the key under
        which the result is kept. Of a map as a whole there are none: they are its items'.
        """
        scope = {**self.run.scope(secrets=self.run.references), **self.names}
        when = self.step.task.when
        try:
            if when is not None and self._has_condition and not render(when, scope):
                self.outcome = Outcome("skipped", error=f"its condition does not hold: {on_one_line(when)}")
            elif self.step.loop is None or self.item is not None:
                self._render(scope)
        except TemplateError as error:
            self.problem = error

    def _render(self, scope: Mapping[str, Any]) -> None:
        called, body = self.step.called, self.step.body
        self.parameters = render(self.step.payload, scope)
        if body is not None and (body.file is None or (body.is_undoable and self.step.undo is None)):
            return  # it is entered again, and its tasks have results of their own
        endpoint = render(called.endpoint, scope) if called is not None else None
        self.first_key = self._result_key(endpoint)

    def _result_key(self, endpoint: str | None) -> str:
        """SHA-256 of all that makes a result this step's: shared with no other run, agent, step or item."""
        step = self.step
        called = step.called.type if step.called is not None else step.kind
        what = step.body.plan.fingerprint if step.body is not None else step.action
        return _digest([self.run.root_id, self.path, self.levels, called, endpoint, what, self.parameters])

    @property
    def key(self) -> str | None:
        """Under which its result is kept; None where it is not."""
        return of_generation(self.first_key, self.generations) if self.first_key is not None else None

    def real_parameters(self) -> dict[str, Any]:
        """What is sent: the parameters with the secrets themselves, which are never kept."""
        if not self.step.reads_secrets:
            return self.parameters
        rendered: dict[str, Any] = render(self.step.task.parameters, {**self.run.scope(), **self.names})
        return rendered

    @property
    def _has_condition(self) -> bool:
        """A map's condition is each item's own where it names the item, otherwise that of the whole. It is
        judged once, before the first round.
        """
        loop = self.step.loop
        if self.round is not None and self.round.number > 1:
            return False
        return loop is None or loop.when_per_item == (self.item is not None)

    @property
    def name(self) -> str:
        """That of its task run: ``summarize``, or ``summarize[3]``, or ``summarize#2``."""
        item = f"[{self.item.key}]" if self.item is not None else ""
        turn = f"#{self.round.number}" if self.round is not None and self.round.number > 1 else ""
        return f"{self.task_name}{item}{turn}"

    @property
    def task_name(self) -> str:
        """Its step's, as observers and results have it."""
        return self.run.name_of(self.step)

    @property
    def item_key(self) -> str | None:
        return self.item.key if self.item is not None else None

    @property
    def path(self) -> Sequence[Any]:
        """Of the steps that it is inside of: their `levels` and generations, from the outermost inwards."""
        return self.run.path

    @property
    def levels(self) -> tuple[str, ...]:
        """The name of its step, and what tells it from the step's other calls. What is called again as a
        whole is so at the level of the step, an item that failed at its own.
        """
        # Name and key apart: a task may be named like another's item.
        item = (self.item.key,) if self.item is not None else ()
        turn = (f"#{self.round.number}",) if self.round is not None else ()
        return (self.step.name, *item, *turn)

    @property
    def names(self) -> Mapping[str, Any]:
        """What templates of it see besides what all see."""
        names = self.item.names if self.item is not None else {}
        return names if self.round is None else {**names, "previous": self.round.previous}

    @property
    def is_backing_off(self) -> bool:
        return self.latest.backing_off

    def tell_started(self) -> None:
        """Tells observers that its first attempt begins."""
        if self.round is None or self.round.number == 1:
            self.run.report.task_started(self.task_name, self.item_key, self.started_at)

    def tell_retrying(self, delay: float, error: AgentError) -> None:
        """Tells observers that an attempt failed, and that another one comes in ``delay`` seconds."""
        self.run.report.task_retrying(self.task_name, self.item_key, self.attempts, delay, error)

    @property
    def idempotency_key(self) -> str:
        """The same for every request of this step, or item of it, in this run and generation."""
        return of_generation(_digest([self.run.root_id, self.path, self.levels]), self.generations)[:32]


def of_generation(digest: str, generations: tuple[int, ...]) -> str:
    if not any(generations):
        return digest
    return hashlib.sha256(f"{digest}/{generations}".encode()).hexdigest()


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
