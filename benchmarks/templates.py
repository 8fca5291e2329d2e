"""What rendering a step's parameters costs: ours, beside Jinja2's own environments with compiled templates.

Jinja2's native environment makes Python values of text (`ast.literal_eval`) and runs what it is given; its
sandbox forbids some of that and gives text alone. Ours evaluates and hands out copies of plain data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Stopwatch, Timing, machine, table
from jinja2.nativetypes import NativeEnvironment
from jinja2.sandbox import SandboxedEnvironment

from leadagent_prefect.templates import render

ROUNDS, RENDERS = 15, 200
OURS, NATIVE, SANDBOX = "leadagent", "jinja2 native", "jinja2 sandboxed (text)"

PARAMETERS: dict[str, Any] = {
    "endpoint": "/articles/{{ tasks.find.result.id }}",
    "method": "GET",
    "params": {"q": "{{ inputs.topic }}", "limit": 10, "lang": "{{ inputs.lang | default('en') }}"},
    "headers": {"X-Run": "{{ run.id }}", "Accept": "application/json"},
    "json": {
        "titles": "{{ tasks.find.result.titles }}",
        "first": "{{ tasks.find.result.titles | first | upper }}",
        "note": "{{ tasks.find.result.titles | length }} articles about {{ inputs.topic }}",
    },
}
SCOPE: dict[str, Any] = {
    "inputs": {"topic": "rivers", "lang": "de"},
    "run": {"id": "6f1c"},
    "tasks": {"find": {"result": {"id": 7, "titles": ["Elbe", "Oder", "Havel"]}}},
}


def compiled(environment: NativeEnvironment | SandboxedEnvironment) -> Callable[[], Any]:
    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return environment.from_string(value) if isinstance(value, str) and "{{" in value else value

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return value.render(SCOPE) if hasattr(value, "render") else value

    tree = walk(PARAMETERS)
    return lambda: fill(tree)


def main() -> None:
    variants: dict[str, Callable[[], Any]] = {
        OURS: lambda: render(PARAMETERS, SCOPE),
        NATIVE: compiled(NativeEnvironment()),
        SANDBOX: compiled(SandboxedEnvironment()),
    }
    assert variants[OURS]() == variants[NATIVE]()
    rows: dict[str, list[Timing]] = {name: [] for name in variants}
    with machine():
        for _ in range(ROUNDS):
            for name, variant in variants.items():
                with Stopwatch() as watch:
                    for _ in range(RENDERS):
                        variant()
                rows[name].append(Timing(watch.timing.wall / RENDERS, watch.timing.cpu / RENDERS))
        table(rows, base=NATIVE, unit="us")


if __name__ == "__main__":
    main()
