"""Names: each once, also where Prefect and Unicode see two as one."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

from leadagent_prefect.checks.context import Context, Part
from leadagent_prefect.diagnostics import quote
from leadagent_prefect.naming import prefect_name, slug
from leadagent_prefect.source import Path
from leadagent_prefect.source.document import path_text

#: Parameters of Prefect's own that a flow's parameter would hide.
_RESERVED = frozenset({"return_state", "wait_for", "model_config"})


_Seen = dict[tuple[str, str], Part]


def check_names(context: Context) -> None:
    """Agents and tasks have names of their own; those of tasks within a task may stand in another one too."""
    _check_unique(context, "agent", context.agents, {}, [])
    top: _Seen = {}
    seen: dict[Path, list[_Seen]] = {}
    for path, scope in context.scopes.at.items():
        around = [] if scope.owner is None else seen[scope.owner.path[:-1]]
        own = top if scope.owner is None else {}
        _check_unique(context, "task", scope.parts, own, around)
        seen[path] = [*around, own]


def _check_unique(
    context: Context, noun: str, parts: Iterable[Part], seen: _Seen, around: Iterable[_Seen]
) -> None:
    """``seen`` are the names of parts before these, ``around`` those of what they stand in."""
    for part in parts:
        if part.name is None:
            continue
        for form in _forms(noun, part.name):
            first = next((names[form] for names in around if form in names), None)
            first = first or seen.setdefault(form, part)
            if first is not part and first.name is not None:
                _report(context, noun, part, first, form[0])
                break


def _forms(noun: str, name: str) -> list[tuple[str, str]]:
    same = unicodedata.normalize("NFKC", name)
    forms = [("", name), ("after Unicode normalization (NFKC)", same)]
    if noun == "task":
        forms.append((f"in Prefect, {quote(prefect_name(same))}", prefect_name(same)))
    return [*forms, (f"in files and blocks, {quote(slug(name))}", slug(name))]


def _report(context: Context, noun: str, part: Part, first: Part, reason: str) -> None:
    path = (*part.path, "name")
    span = context.draft.document.value_span((*first.path, "name"))
    where = f"line {span.line}" if span else path_text(first.path)
    if not reason:
        message = f"a second {noun} is named {quote(part.name or '')}; the first is at {where}"
    else:
        message = (
            f"{noun} {quote(part.name or '')} and {quote(first.name or '')} ({where}) have one name {reason}"
        )
    context.say("duplicate-name", message, path, hint="rename one of them")


def check_input_names(context: Context) -> None:
    """Inputs become the parameters of a Python function and of templates."""
    inputs = context.data.get("inputs")
    for name in inputs if isinstance(inputs, dict) else ():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            message = f"{quote(name)} can't name an input"
            hint = "a letter first, then letters, digits and underscores (ASCII)"
        elif keyword.iskeyword(name):
            message, hint = f"{quote(name)} is a word of Python and can't name an input", f"such as {name}_"
        elif name in _RESERVED:
            message, hint = f"{quote(name)} has a meaning of its own in Prefect", "choose another name"
        else:
            continue
        context.say("invalid-input-name", message, ("inputs", name), hint=hint, key=True)
