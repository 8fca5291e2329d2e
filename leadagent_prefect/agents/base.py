"""What an agent is: one class a service, one async call at a time.

An agent is made once a run from its `AgentConfig`, whose templates are resolved by then, is opened
before its first call, serves every task of the run that names it (concurrently), and is closed at
the run's end. It knows nothing of Prefect. It tries nothing again by itself: retries are the
engine's, and the class of the error decides on them (`leadagent_prefect.errors`).
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from leadagent_prefect.agents.threads import in_thread
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.results import AgentResponse


@dataclass(frozen=True)
class Call:
    """What surrounds one call. Agents read it as ``self.call``; outside a run it holds the defaults.

    ``timeout`` bounds one request, in seconds. ``idempotency_key`` is the same over all attempts of a
    task. ``accept_status`` are HTTP statuses that are answers, not failures. ``upstream`` holds the
    results of the task's ``depends_on`` by task name. ``attempt`` counts from 1. ``redact`` masks the run's
    secrets in a text. The engine does so with all it is handed, so it matters where a text is cut before:
    half a secret is not found any more.
    """

    task: str = ""
    run_id: str = ""
    attempt: int = 1
    timeout: float = 30.0
    idempotency_key: str | None = None
    accept_status: frozenset[int] = frozenset()
    upstream: Mapping[str, Any] = field(default_factory=dict)
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)


current_call: ContextVar[Call] = ContextVar("leadagent_call", default=Call())


class BaseAgent(ABC):
    """Subclass this to bring a service of your own: implement `execute`, and `open`/`close` where needed.

    An `execute` without ``async`` runs in a thread, so that it may block; a call that is cut short leaves its
    thread behind.

    A subclass may raise `leadagent_prefect.errors.AgentError` (its class decides on a retry) or return
    ``AgentResponse(success=False, ...)``. Anything else that it raises counts as ``internal``.
    """

    #: Keys of ``custom_params`` the type knows; None for "any". A key outside it is an error in the file.
    known_params: ClassVar[frozenset[str] | None] = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        written = cls.__dict__.get("execute")
        if inspect.isfunction(written) and not inspect.iscoroutinefunction(written):
            cls.execute = in_thread(written)  # type: ignore[method-assign]  # what the class body could have had

    def __init__(self, config: AgentConfig) -> None:
        self.config = config

    @property
    def call(self) -> Call:
        """What surrounds the call being made in this task of the event loop."""
        return current_call.get()

    async def open(self) -> None:
        """Called once, before the first call of a run, on the loop that makes the calls."""

    @abstractmethod
    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        """One call: ``action`` and ``parameters`` as the task has them, templates resolved."""

    async def close(self) -> None:
        """Called once at the end of a run in which `open` was, even if `open` or a call failed."""


if TYPE_CHECKING:
    from leadagent_prefect.agents.registry import AgentFactory as AgentFactory
else:

    def __getattr__(name: str) -> Any:
        # The original has its AgentFactory here; the registry needs BaseAgent, so it comes on first use.
        if name == "AgentFactory":
            return import_module("leadagent_prefect.agents.registry").AgentFactory
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
