"""Who asks, and what they may: API keys, scopes, and how often."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from limits import RateLimitItem, parse

from leadagent_prefect.api.counting import Counting
from leadagent_prefect.api.keys import KeyFile
from leadagent_prefect.api.problems import Problem
from leadagent_prefect.api.settings import Settings

#: Wrong keys of one address.
_WRONG = parse("30/minute")
_LONGEST_KEY = 256


@dataclass(frozen=True)
class Caller:
    """Who asks. ``owner`` is whose runs they make; ``sees`` whose they see, and None is everybody's."""

    owner: str
    scopes: frozenset[str]

    @property
    def sees(self) -> str | None:
        return None if self.allows("admin") else self.owner

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


#: Without keys only this machine's users can ask, and all is theirs.
LOCAL = Caller("local", frozenset({"admin"}))


class Access:
    """The gate of this process."""

    def __init__(self, settings: Settings, keys: KeyFile) -> None:
        self.keys = keys
        self._rate, self._agent_tests = parse(settings.rate_limit), parse(settings.agent_test_limit)
        self._counting = Counting(settings.rate_limit_redis)

    @property
    def keyless(self) -> bool:
        return not self.keys.exists

    async def caller(self, request: Request, scope: str) -> Caller:
        """Who asks; `Problem` 401, 403 or 429 where they may not."""
        peer = request.client.host if request.client else ""
        caller = LOCAL if self.keyless else await self._of_key(request, peer)
        request.scope["owner"] = caller.owner
        await self._count(self._rate, caller.owner, peer)
        if not caller.allows(scope):
            raise Problem(403, f"this key has not the scope {scope!r}")
        return caller

    async def count_agent_test(self, caller: Caller) -> None:
        """`Problem` 429 where agents are tested too often."""
        await self._count(self._agent_tests, "agents", caller.owner)

    async def _of_key(self, request: Request, peer: str) -> Caller:
        given = request.headers.get("authorization", "").encode("latin-1")
        mark, _, token = given.partition(b" ")
        key = self.keys.find(token.strip()[:_LONGEST_KEY]) if mark.lower() == b"bearer" else None
        if key is None:
            await self._count(_WRONG, "wrong", peer)
            ask = {"WWW-Authenticate": 'Bearer realm="leadagent"'}
            raise Problem(401, "send an API key: Authorization: Bearer la_...", headers=ask)
        return Caller(key.id, frozenset(key.scopes))

    async def _count(self, rate: RateLimitItem, *who: str) -> None:
        wait = await self._counting.wait(rate, *who)
        if wait is not None:
            raise Problem(429, f"too many requests: {rate}", headers={"Retry-After": str(wait)})
