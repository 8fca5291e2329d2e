"""The Python names of an emitted file: each workflow, agent and task gets one, and no two meet."""

from __future__ import annotations

from collections.abc import Iterable

from leadagent_prefect.naming import identifier

#: What every emitted file imports and calls where it defines; a name of ours may not stand in its way.
FLOW = "flow"


class Names:
    """Gives out names, each once. ``reserved`` are those that mean something else where ours are read."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = {FLOW, *reserved}
        self._numbers: dict[str, int] = {}

    def take(self, name: str, kind: str) -> str:
        """``fetch``; where that is taken ``fetch_task``, then ``fetch_task_2``; ``kind`` is ``task`` here."""
        found = identifier(name)
        if found in self._taken:
            found = f"{found.rstrip('_')}_{kind}"
        if found in self._taken:
            base, number = found, self._numbers.get(found, 2)
            while (found := f"{base}_{number}") in self._taken:
                number += 1
            self._numbers[base] = number + 1
        self._taken.add(found)
        return found
