"""Answers of the API that are good for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


def remembered(
    ask: Callable[[Key], Awaitable[Answer]], seconds: float, clock: Callable[[], float] = time.monotonic
) -> Callable[[Key], Awaitable[Answer]]:
    """``ask``, but for ``seconds`` after a question the same one gets the same answer.

    That holds while it is still being asked, too; a failure is not kept. Prefect's worker reads the
    deployment of a run twice and its flow once, and ten runs that come at once ask the same.
    """
    asked: dict[Key, tuple[float, asyncio.Future[Answer]]] = {}

    async def answer(key: Key) -> Answer:
        now = clock()
        for old in [old for old, (at, _) in asked.items() if now - at >= seconds]:
            del asked[old]
        if key not in asked:
            asked[key] = now, asyncio.ensure_future(ask(key))
        try:
            return await asyncio.shield(asked[key][1])
        except BaseException:
            asked.pop(key, None)
            raise

    return answer
