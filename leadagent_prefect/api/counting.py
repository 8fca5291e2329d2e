"""How often somebody has asked: counted in this process, or in a Redis for all processes and servers."""

from __future__ import annotations

import logging
import math
import time

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

_log = logging.getLogger("leadagent.api")


class Counting:
    """``redis`` is an address, ``redis://...``; while it does not answer, each process counts for itself."""

    def __init__(self, redis: str | None) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = _shared(redis) if redis is not None else None
        self._away = False

    async def wait(self, rate: RateLimitItem, *who: str) -> int | None:
        """None where one more may come, which is counted; otherwise the seconds until then."""
        if self._shared is None:
            return await _wait(self._own, rate, who)
        try:
            found = await _wait(self._shared, rate, who)
        except StorageError as error:
            if not self._away:
                _log.warning("requests are counted within this process, since Redis fails: %s", error)
            self._away = True
            return await _wait(self._own, rate, who)
        self._away = False
        return found


def _shared(redis: str) -> MovingWindowRateLimiter:
    storage = storage_from_string(
        f"async+{redis}",
        implementation="redispy",
        wrap_exceptions=True,
        key_prefix="leadagent",
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
    )
    return MovingWindowRateLimiter(storage)


async def _wait(limiter: MovingWindowRateLimiter, rate: RateLimitItem, who: tuple[str, ...]) -> int | None:
    if await limiter.hit(rate, *who):
        return None
    left = (await limiter.get_window_stats(rate, *who)).reset_time - time.time()
    return max(1, math.ceil(left))
