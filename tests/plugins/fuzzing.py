"""Schemathesis over a running REST API server: what it has sent, and what was wrong with the answers.

It is a process of its own, as users of the API would run it, and reads nothing but ``/openapi.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HOOKS = Path(__file__).parents[1] / "chaos" / "fuzzing_hooks.py"
#: Operations whose body is written in the language of workflows, or in a part of it.
_CREATE, _VALIDATE, _TEST = "workflows_create", "workflows_validate", "agents_test"
_ACCEPTED = ["2xx", "401", "403", "404", "409", "429"]
_REFUSED = ["400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429"]

#: Every check of Schemathesis, but:
_CHECKS: Mapping[str, Any] = {
    # DELETE cancels a run, which can be looked at for ever: that is what the original's clients expect.
    "use_after_free": {"enabled": False},
    # 5xx is no refusal.
    "negative_data_rejection": {"expected-statuses": _REFUSED},
    "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
}
_OPERATIONS: list[dict[str, Any]] = [
    {
        # Every value that the schema of the language has, in every place: many thousands of bodies, nearly
        # all of them 422. They are drawn by chance instead.
        "include-operation-id": [_CREATE, _VALIDATE, _TEST],
        "phases": {"coverage": {"enabled": False}},
    },
    {
        # What a schema can't say of a workflow: which tasks a name means, what an expression may hold (422),
        # that a number is beyond 2^53 or a text has characters that can't be seen (400).
        "include-operation-id": [_CREATE, _TEST],
        "checks": {"positive_data_acceptance": {"expected-statuses": [*_ACCEPTED, "400", "422"]}},
    },
    {
        # It answers 200 for every mapping that can be read, and says in the body what is wrong with it.
        "include-operation-id": _VALIDATE,
        "checks": {
            "positive_data_acceptance": {"expected-statuses": [*_ACCEPTED, "400"]},
            "negative_data_rejection": {"expected-statuses": ["200", *_REFUSED]},
        },
    },
]


@dataclass(frozen=True)
class Report:
    """``cases`` counts requests that were made up, by phase too; ``wrong`` is a line for each thing that was.

    ``accepted`` counts the answers 2xx by operation. ``text`` is what Schemathesis has printed.
    """

    cases: int
    wrong: list[str]
    accepted: Mapping[str, int]
    text: str


def fuzz(
    url: str, keys: Mapping[str, str], folder: Path, *, examples: int, seed: int, phases: str, patience: float
) -> Report:
    """Requests that are valid by the description, and such that are not, alone and one after the other.

    ``examples`` are those of one operation and phase. ``keys`` by name; ``alice`` and ``bob`` must not see
    each other's runs. ``patience`` in seconds is for one answer; a stream of events may be cut short by it.
    """
    people = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}
        for name, key in keys.items()
    ]
    (folder / "people.json").write_text(json.dumps({"auth": people}))
    config = {
        "seed": seed,
        "hooks": str(_HOOKS),
        "request-timeout": patience,
        "max-stream-events": 2,
        "continue-on-failure": True,
        "cache": {"enabled": False},
        "auth": {"wfc": {"path": str(folder / "people.json"), "peers": ["alice", "bob"]}},
        "generation": {
            "database": "none",
            "max-examples": examples,
            "no-shrink": True,
            "with-security-parameters": False,
        },
        "checks": dict(_CHECKS),
        # Links are followed that the description has: guessed ones lead from `/` to "validate" as a run.
        "phases": {"stateful": {"inference": {"algorithms": []}}},
        "operations": _OPERATIONS,
        "reports": {"json": {"path": str(folder / "report.json")}},
    }
    (folder / "schemathesis.toml").write_text(_toml(config))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--phases", phases, "--no-color"),
    ]
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=bare_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    report = json.loads((folder / "report.json").read_text())
    wrong = [f"{one['title']}: {one['operations']}" for one in report["failures"]]
    wrong += [one["title"] for one in report["errors"]]
    if not report["complete"] or (done.returncode and not wrong):
        wrong.append(f"it has ended with {done.returncode}")
    accepted = {
        name: sum(rate["accepted"] for rate in rates.values())
        for name, rates in report["valid_rates"].items()
    }
    return Report(report["test_cases"]["generated"], wrong, accepted, done.stdout)


def bare_environment() -> dict[str, str]:
    """This process's, for others that are not to be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def _toml(config: Mapping[str, Any]) -> str:
    """TOML of a mapping: a value of JSON is one of TOML too, but for mappings."""
    return "".join(f"{json.dumps(key)} = {_value(value)}\n" for key, value in config.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
