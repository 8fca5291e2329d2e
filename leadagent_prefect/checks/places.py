"""Templates where none is evaluated: they would be taken as they are written."""

from __future__ import annotations

from leadagent_prefect.checks.context import Context, Part, strings

_HINT = (
    "templates are evaluated in parameters, inputs, when, for_each, key, until, value, fail, finish, outputs "
    "and the strings of agents"
)


def check_places(context: Context) -> None:
    """Keys that are taken as they are written hold no template."""
    for part in context.agents:
        _refuse(context, part, ("name", "type"))
    for part in context.tasks:
        _refuse(context, part, ("name", "agent_name", "action", "depends_on", "workflow"))
    for part in context.undos:
        _refuse(context, part, ("action",))
    top = Part((), context.data, None, "the workflow")
    _refuse(context, top, ("name", "version", "tags", "schedule", "inputs"))


def _refuse(context: Context, part: Part, keys: tuple[str, ...]) -> None:
    for key in keys:
        for path, text in strings(part.data.get(key), (*part.path, key)):
            if path[-1] != "description":
                start = text.index("{{")
                context.say(
                    "template-not-here",
                    f"{part.label}: a template is not evaluated in {key}",
                    path,
                    hint=_HINT,
                    place=(start, len(text.rstrip()) - start),
                )
