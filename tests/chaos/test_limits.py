"""X6: what holds a call up, or floods it, ends it in time, with the right class, and costs little memory.

A process of its own meets all of it at once. That it ends, and by which error, holds on any machine; how soon
is asserted closely in the whole form, on a machine that has nothing else to do. What does not end by its
timeout has a long one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from chaos import WHOLE
from hostile import FLOOD, hostile_service

from leadagent_prefect.embedded import PrefectApi

#: Seconds of a call, those by which it may end late, and those that the global timeout of a run may be late.
TIMEOUT = 2.0 if WHOLE else 4.0
LATE, LATE_RUN = (0.5, 1.0) if WHOLE else (10.0, 10.0)
#: Seconds for which a coroutine blocks its loop beyond its timeout.
BLOCKED = 2.0
#: Seconds that a call which is cut short has to clean up, and that a run waits for.
GRACE = 2.0
#: Seconds that the body of a refusal has to come.
REFUSAL = 5.0
#: Bytes by which the process may grow.
GROWTH = 64 * 2**20

EXPECTED = {
    "sleep": "timeout",
    "drip": "timeout",
    "headers": "timeout",
    "events": "timeout",
    "refusal": "server_error",
    "bomb": "invalid_output",
    "flood": "invalid_output",
    "unresolved": "timeout",
    "mcp": "timeout",
    "stubborn": "timeout",
    "sync": "timeout",
    "handed": "timeout",
}
#: What the services are asked for: by those of the calls that reach them, and beforehand.
PATHS = {f"/{name}" for name in ("sleep", "drip", "headers", "events", "refusal", "bomb", "flood", "healthy")}


async def _held_up(url: str) -> dict[str, Any]:
    """What the process says. That it ends is told by the end of its output, and its exit code."""
    program = [str(Path(__file__).with_name("held_up.py")), url, str(TIMEOUT)]
    process = await asyncio.create_subprocess_exec(sys.executable, *program, stdout=asyncio.subprocess.PIPE)
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return dict(json.loads(said))


@pytest.mark.timeout(180)
async def test_whatever_holds_a_call_up_ends_it_in_time_and_in_little_memory(prefect_api: PrefectApi):
    async with hostile_service() as hostile:
        said = await _held_up(hostile.url)
        asked, sent = set(hostile.asked), hostile.sent["/flood"]
    each, blocked = said["results"]["each"], said["results"]["blocked"]

    assert {name: row["error_class"] for name, row in each["tasks"].items()} == EXPECTED
    waited = [name for name, error in EXPECTED.items() if error == "timeout"]
    durations = {name: row["duration"] for name, row in each["tasks"].items()}
    assert {name for name in waited if durations[name] < TIMEOUT} == set()
    assert durations.pop("refusal") < REFUSAL + LATE
    assert {name: held for name, held in durations.items() if held > TIMEOUT + LATE} == {}
    assert "larger than 10,485,760 bytes" in each["errors"]["bomb"]
    assert sent < FLOOD // 8
    assert asked == PATHS

    assert "held up the event loop" in blocked["errors"]["blocking"]
    assert blocked["tasks"]["blocking"]["error_class"] == "timeout"
    assert blocked["tasks"]["blocking"]["duration"] < TIMEOUT + BLOCKED + LATE

    for name, grace in {"whole": 0.0, "stubborn": GRACE}.items():
        run = said["results"][name]
        assert (run["status"], run["results"]) == ("failed", {}), name
        assert {row["error"] for row in run["tasks"].values()} == {
            f"the run took longer than its global_timeout of {TIMEOUT + 1:g} s"
        }
        assert TIMEOUT + 1 <= run["execution_time"] < TIMEOUT + 1 + grace + LATE_RUN, name
    assert said["grown"] <= GROWTH
