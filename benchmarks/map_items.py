"""What an item of a map costs, of a hundred, of a thousand and of ten thousand, and what room they take."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from harness import Stopwatch, Timing, machine, own_home, table
from harness.server import rest, running_server

SIZES, ROUNDS = (100, 1_000, 10_000), 2
WORKFLOW: dict[str, Any] = {
    "name": "many",
    "inputs": {"items": {"type": "array"}},
    "parallel_execution": True,
    "max_parallel_tasks": 20,
    "tasks": [{"name": "each", "for_each": "{{ inputs.items }}", "value": "{{ item + 1 }}"}],
}


def peak_mib() -> float:
    """The most memory that this process has held so far (Linux counts KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(server: int) -> tuple[dict[int, list[Timing]], dict[int, float]]:
    """Seconds of whole runs by their number of items, and the growth of the peak by the first of each."""
    from leadagent_prefect import LeadAgent

    flow = LeadAgent().build_flow(WORKFLOW)

    async def run(size: int) -> Timing:
        with Stopwatch() as watch:
            await flow(items=list(range(size)))
        return watch.timing

    asyncio.run(run(1))  # imports, and what a process does once
    timings: dict[int, list[Timing]] = {size: [] for size in SIZES}
    grown: dict[int, float] = {}
    for _ in range(ROUNDS):
        for size in SIZES:
            rest(server)
            before = peak_mib()
            timings[size].append(asyncio.run(run(size)))
            grown.setdefault(size, peak_mib() - before)
    return timings, grown


def main() -> None:
    with machine(), own_home(), running_server() as server:
        timings, grown = measure(server)
        items = {
            f"{size:,} items": [Timing(one.wall / size, one.cpu / size) for one in found]
            for size, found in timings.items()
        }
        table(items, base=f"{SIZES[0]:,} items")
        room = ", ".join(f"{size:,}: {grown[size]:+.0f} MiB" for size in SIZES)
        print(f"milliseconds an item; the peak of the process grew by {room}")


if __name__ == "__main__":
    main()
