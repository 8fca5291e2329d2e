"""Who of many workers takes up a run: the one whose Prefect variable is made.

Prefect's states know no compare-and-set, but of all who make a variable with the same name at once one is
told that it was made, and the others that it is there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

#: Seconds for which a claim holds. Whoever has one is done, or gives up, in half of it.
HOLDS_SECONDS: Final = 60.0


class Claims:
    """Of one worker. ``clock`` is monotonic: how long others hold theirs is told by no clock but its own."""

    def __init__(self, client: PrefectClient, by: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._by, self._clock = client, by, clock
        #: Claims of others, and when they were seen first.
        self._seen: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def claimed(self, what: str) -> AsyncIterator[bool]:
        """Whether it is this worker's, while open. One whose holder died is given on, under another name."""
        names: list[str] = []
        try:
            yield await self._claim(what, names)
        finally:
            for name in names:
                self._seen.pop(name, None)
                with contextlib.suppress(ObjectNotFound):
                    await self._client.delete_variable_by_name(name)

    async def _claim(self, what: str, names: list[str]) -> bool:
        """``names`` is filled with the claims that end with this one, if it is made."""
        before: list[str] = []
        while True:
            name = f"leadagent-takeover-{what}-{len(before)}"
            try:
                await self._client.create_variable(VariableCreate(name=name, value=self._by))
            except ObjectAlreadyExists:
                since = self._seen.setdefault(name, self._clock())
                if self._clock() - since < HOLDS_SECONDS:
                    return False
                before.append(name)
            else:
                # Its own last: while that is there, nobody else gets one.
                names += [*before, name]
                return True
