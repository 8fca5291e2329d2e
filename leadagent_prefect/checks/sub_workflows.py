"""Tasks that are workflows of other files: what they are given is what those take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from leadagent_prefect.checks.context import Context, Part, literal
from leadagent_prefect.checks.schemas import fitting
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.draft import Draft
from leadagent_prefect.models import InputConfig

_Fit = Callable[[Any], str | None]


def check_sub_workflows(context: Context) -> None:
    """Every sub-workflow that could be read is given its inputs. Templates are held to them when they run."""
    fits = cache(lambda written, name: fitting(_inputs(context.draft.parts[written])[name]))
    for task in context.tasks:
        written, given = task.data.get("workflow"), task.data.get("inputs", {})
        part = context.draft.parts.get(written) if isinstance(written, str) else None
        if part is not None and isinstance(given, Mapping):
            _check_inputs(context, task, part, given, partial(fits, written))


def _inputs(part: Draft) -> Mapping[str, InputConfig]:
    return part.settings.inputs if part.settings is not None else {}


def _check_inputs(
    context: Context, task: Part, part: Draft, given: Mapping[str, Any], fits: Callable[[str], _Fit]
) -> None:
    """``fits`` gives what holds a value against an input."""
    file, known = quote(str(task.data["workflow"])), _inputs(part)
    if part.settings is None or part.is_broken("inputs"):
        return
    for name, value in given.items():
        path = (*task.path, "inputs", name)
        if name not in known:
            message = f"{task.label}: {file} has no input {quote(name)}"
            context.say("unknown-input", message, path, hint=context.near(name, known, "it has"), key=True)
        elif part.is_broken("inputs", name) or not literal(value):
            continue
        elif (reason := fits(name)(value)) is not None:
            message = f"{task.label}: the value of input {quote(name)} of {file} does not fit: {reason}"
            context.say("invalid-default", message, path)
    for name, config in known.items():
        if config.required and name not in given and not part.is_broken("inputs", name):
            message = f"{task.label} gives {file} no value for input {quote(name)}, which is required"
            hint = f"add inputs: {{{name}: ...}}, or give the input a default there"
            context.say("missing-input", message, (*task.path, "inputs"), hint=hint, key=True)
