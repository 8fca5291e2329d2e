"""One task run of a step: what it is given, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import TaskRun

from leadagent_prefect.engine.outcome import Outcome
from leadagent_prefect.engine.report import now
from leadagent_prefect.engine.run import Run
from leadagent_prefect.engine.stop import StopToken
from leadagent_prefect.errors import AgentError, TemplateError
from leadagent_prefect.plan import Step, on_one_line
from leadagent_prefect.templates import render


@dataclass(frozen=True)
class Item:
    """One item of a map; ``key`` names its task run, ``names`` are what templates see of it."""

    key: str
    names: Mapping[str, Any]


class StepCall:
    """What a task run is given. A plain object: Prefect looks into dicts and lists, which costs seconds for
    large parameters, and into states, and would act on ``$ref`` in an agent's answer.
    """

    def __init__(
        self,
        run: Run,
        step: Step,
        skip: Outcome | None = None,
        *,
        item: Item | None = None,
        token: StopToken | None = None,
    ) -> None:
        self.run, self.step, self.item = run, step, item
        self.token = token or run.control.token
        self.outcome = skip
        self.parameters: dict[str, Any] = {}
        self.problem: TemplateError | None = None
        self.key: str | None = None
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
        called = self.step.called
        self.parameters = render(self.step.payload, scope)
        endpoint = render(called.endpoint, scope) if called is not None else None
        self.key = result_key(self.run.run_id, self.step, self.item_key, endpoint, self.parameters)

    def real_parameters(self) -> dict[str, Any]:
        """What is sent: the parameters with the secrets themselves, which are never kept."""
        if not self.step.reads_secrets:
            return self.parameters
        rendered: dict[str, Any] = render(self.step.task.parameters, {**self.run.scope(), **self.names})
        return rendered

    @property
    def _has_condition(self) -> bool:
        """A map's condition is each item's own where it names the item, otherwise that of the whole."""
        loop = self.step.loop
        return loop is None or loop.when_per_item == (self.item is not None)

    @property
    def name(self) -> str:
        """That of its task run: ``summarize``, or ``summarize[3]``."""
        return self.step.name if self.item is None else f"{self.step.name}[{self.item.key}]"

    @property
    def item_key(self) -> str | None:
        return self.item.key if self.item is not None else None

    @property
    def names(self) -> Mapping[str, Any]:
        """What templates of it see besides what all see."""
        return self.item.names if self.item is not None else {}

    def tell_started(self) -> None:
        """Tells observers that its first attempt begins."""
        self.run.report.task_started(self.step.name, self.item_key, self.started_at)

    def tell_retrying(self, delay: float, error: AgentError) -> None:
        """Tells observers that an attempt failed, and that another one comes in ``delay`` seconds."""
        self.run.report.task_retrying(self.step.name, self.item_key, self.attempts, delay, error)

    @property
    def idempotency_key(self) -> str:
        """The same for every request of this step, or item of it, in this run."""
        # Name and key apart: a task may be named like another's item.
        parts: list[Any] = [self.run.run_id, [], self.step.name, self.item_key]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def result_key(
    run_id: str, step: Step, item: str | None, endpoint: str | None, parameters: Mapping[str, Any]
) -> str:
    """SHA-256 of all that makes a result this step's: never shared with another run, agent, step or item."""
    called = step.called.type if step.called is not None else step.kind
    parts: list[Any] = [run_id, [], step.name, item, called, endpoint, step.action, parameters]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
