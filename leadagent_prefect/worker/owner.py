"""Whose a run is: the worker that took it says so in the message of the state Pending, at no cost."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State

from leadagent_prefect.engine.process.liveness import Process

_TEXT = re.compile(
    r"Taken by process (?P<pid>\d+) on (?P<host>\S+) \(started (?P<start>\S*), boot (?P<boot>\S*)\) "
    r"of worker (?P<worker>.*)"
)


@dataclass(frozen=True)
class Owner:
    """A worker by its name in the work pool, and its process."""

    worker: str
    process: Process

    @classmethod
    def of(cls, state: State[Any] | None) -> Owner | None:
        """The one that a state Pending names; None where it names none."""
        found = _TEXT.fullmatch((state.message if state is not None else None) or "")
        if found is None:
            return None
        process = Process(found["host"], found["boot"], int(found["pid"]), found["start"])
        return cls(found["worker"], process)

    @property
    def text(self) -> str:
        """What `of` reads."""
        one = self.process
        started = f"(started {one.start}, boot {one.boot})"
        return f"Taken by process {one.pid} on {one.host} {started} of worker {self.worker}"

    def __str__(self) -> str:
        return f"worker {self.worker!r} (process {self.process.pid} on {self.process.host})"


def signing(set_state: Callable[..., Awaitable[Any]], owner: Owner) -> Callable[..., Awaitable[Any]]:
    """``set_state`` of a client, with the owner's name in each state Pending that says nothing else."""

    async def sign_and_set(run: UUID, state: State[Any], force: bool = False) -> Any:
        if state.is_pending() and state.message is None:
            state = state.model_copy(update={"message": owner.text})
        return await set_state(run, state, force=force)

    return sign_and_set
