"""Reading and checking of what others have written, in processes beside the server, and bounded in time.

A regular expression in a schema, or a schema that doubles at each level, can take for ever, and holds
Python's lock meanwhile: in the server's own process nobody else would be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_process

from leadagent_prefect.api.document import accepted, checked_inputs, findings, submission_of
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.reading import read_document
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.diagnostics import Diagnostic
from leadagent_prefect.loader import Loaded

#: Seconds for one body; the largest that is honest takes two.
PATIENCE = 15.0
#: Seconds until its turn comes, as many at a time as the machine has processors.
WAIT = 15.0
#: Seconds for a process to start, whose imports are no fault of the body.
START = 60.0

Found = TypeVar("Found")


async def aside(
    work: Callable[[bytes, str, Settings], Found], body: bytes, content_type: str, settings: Settings
) -> Found:
    """What ``work`` gives, or raises; `Problem` 422 where it takes too long, and is killed, and 503 where
    others do, or the machine has no time for it.
    """
    turns, turn = to_process.current_default_process_limiter(), object()
    later = {"Retry-After": f"{PATIENCE:g}"}
    try:
        with anyio.fail_after(WAIT):
            await turns.acquire_on_behalf_of(turn)
    except TimeoutError:
        raise Problem(503, "others are being checked", headers=later) from None
    try:
        try:
            with anyio.fail_after(START):
                await _run(_nothing)  # the process that has done it is the next one to be taken
        except TimeoutError:
            raise Problem(503, "the server is too busy to check a workflow", headers=later) from None
        with anyio.fail_after(PATIENCE):
            return await _run(work, body, content_type, settings)
    except TimeoutError:
        raise Problem(422, f"the workflow takes more than {PATIENCE:g} s to check") from None
    finally:
        turns.release_on_behalf_of(turn)


async def _run(work: Callable[..., Found], *arguments: object) -> Found:
    """In a process that is killed when it takes too long. Whoever calls it has waited for its turn."""
    return await to_process.run_sync(work, *arguments, cancellable=True, limiter=CapacityLimiter(1))


def taken(body: bytes, content_type: str, settings: Settings) -> tuple[Loaded, str]:
    """The workflow of a body, and its inputs as JSON."""
    submission = submission_of(read_document(body, content_type))
    loaded = accepted(submission, settings)
    return loaded, checked_inputs(loaded, submission)


def examined(body: bytes, content_type: str, settings: Settings) -> list[Diagnostic]:
    """All that is wrong with the workflow of a body."""
    return findings(submission_of(read_document(body, content_type)), settings)


async def warm() -> None:
    """Starts the first of the processes, so that the first body has not to wait for its imports."""
    await to_process.run_sync(_nothing)


def _nothing() -> None:
    """Importing this module is what takes its time."""
