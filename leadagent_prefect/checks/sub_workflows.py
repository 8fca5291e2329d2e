"""Tasks that are workflows of other files: what they are given is what those take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadagent_prefect.checks.context import Context, Part, literal
from leadagent_prefect.checks.schemas import mismatch
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.draft import Draft
from leadagent_prefect.models import InputConfig


def check_sub_workflows(context: Context) -> None:
    """Every sub-workflow that could be read is given its inputs. Templates are held to them when they run."""
    for task in context.tasks:
        written, given = task.data.get("workflow"), task.data.get("inputs", {})
        part = context.draft.parts.get(written) if isinstance(written, str) else None
        if part is not None and part.settings is not None and isinstance(given, Mapping):
            _check_inputs(context, task, part, part.settings.inputs, given)


def _check_inputs(
    context: Context,
    task: Part,
    part: Draft,
    known: Mapping[str, InputConfig],
    given: Mapping[str, Any],
) -> None:
    file = quote(str(task.data["workflow"]))
    for name, value in given.items():
        path = (*task.path, "inputs", name)
        if name not in known:
            if not part.is_broken("inputs"):
                message = f"{task.label}: {file} has no input {quote(name)}"
                context.say(
                    "unknown-input", message, path, hint=context.near(name, known, "it has"), key=True
                )
        elif part.is_broken("inputs", name) or not literal(value):
            continue
        elif (reason := mismatch(known[name], value)) is not None:
            message = f"{task.label}: the value of input {quote(name)} of {file} does not fit: {reason}"
            context.say("invalid-default", message, path)
    for name, config in known.items():
        if config.required and name not in given and not part.is_broken("inputs", name):
            message = f"{task.label} gives {file} no value for input {quote(name)}, which is required"
            hint = f"add inputs: {{{name}: ...}}, or give the input a default there"
            context.say("missing-input", message, (*task.path, "inputs"), hint=hint, key=True)
