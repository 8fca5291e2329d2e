"""How long `leadagent validate` takes: a small file (limit 0.5 s), one of 5,000 tasks (limit 2 s).

With --check the exit code is 1 where a median is over its limit.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from harness import LEADAGENT, Timing, child, machine, median_wall, table

import leadagent_prefect

SMALL = str(Path(leadagent_prefect.__file__).with_name("starter") / "workflow.yaml")
TASKS, ROUNDS, LARGE_ROUNDS = 5000, 20, 3
BARE, LIBRARIES = "python -c pass", "python -c 'import click, pydantic, yaml'"
FEW, MANY = "leadagent validate, 3 tasks", "leadagent validate, 5,000 tasks"
LIMITS = {FEW: 0.5, MANY: 2.0}


def large_file(folder: str) -> str:
    """Rows of ten tasks, each of which reads the one above it."""
    tasks = [
        f"  - name: task_{n}\n    agent_name: api\n    action: GET\n"
        f"    parameters: {{endpoint: /items/{n}, params: {{above: '{above(n)}'}}}}\n"
        for n in range(TASKS)
    ]
    path = Path(folder, "large.yaml")
    head = "name: large\nagents:\n  - {name: api, type: http_api, endpoint: 'http://127.0.0.1:9'}\ntasks:\n"
    path.write_text(head + "".join(tasks), encoding="utf-8")
    return str(path)


def above(n: int) -> str:
    return f"{{{{ tasks.task_{n - 10}.result }}}}" if n >= 10 else "none"


def measure() -> dict[str, list[Timing]]:
    rows: dict[str, list[Timing]] = {BARE: [], LIBRARIES: [], FEW: [], MANY: []}
    with tempfile.TemporaryDirectory() as folder:
        large = large_file(folder)
        for number in range(ROUNDS):
            rows[BARE].append(child(sys.executable, "-c", "pass"))
            rows[LIBRARIES].append(child(sys.executable, "-c", "import click, pydantic, yaml"))
            rows[FEW].append(child(LEADAGENT, "validate", SMALL))
            if number < LARGE_ROUNDS:
                rows[MANY].append(child(LEADAGENT, "validate", large))
    return rows


def main() -> int:
    with machine():
        rows = measure()
        table(rows, base=BARE)
    over = False
    for name, limit in LIMITS.items():
        found = median_wall(rows[name])
        over |= found > limit
        print(f"{name}: limit {limit:.1f} s {'EXCEEDED' if found > limit else 'holds'} ({found:.2f} s)")
    return 1 if over and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
