"""pydantic's errors -> diagnostics in our words, with a place and a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leadagent_prefect.codes import CODES
from leadagent_prefect.diagnostics import Diagnostic, did_you_mean, quote
from leadagent_prefect.loader.keys import example, home_of, model_at, suggested
from leadagent_prefect.models import AgentConfig, TaskConfig
from leadagent_prefect.source import Document, Path
from leadagent_prefect.source.document import path_text

_EXPECTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOOL_WORDS = dict.fromkeys(("yes", "on", "y", "true"), "true") | dict.fromkeys(
    ("no", "off", "n", "false"), "false"
)


class _Case(NamedTuple):
    """One error: its kind, the place within the part, and the value that stands there."""

    kind: str
    path: Path
    value: Any
    context: Mapping[str, Any]
    message: str


def complaints(
    error: ValidationError, model: type[BaseModel], value: Any, path: Path, document: Document
) -> Iterator[tuple[Diagnostic, Path]]:
    """Each problem of a part, and the path of what is wrong; ``path`` is the part's own."""
    merged: dict[tuple[str, Path], list[_Case]] = {}
    for details in error.errors(include_url=False, include_input=False):
        case = _case(details, value)
        kind = "type" if case.kind in _EXPECTED else case.kind
        merged.setdefault((kind, case.path), []).append(case)
    writer = _Writer(model, value, path, document)
    for cases in merged.values():
        yield writer.write(cases), (*path, *cases[0].path)


def _case(details: ErrorDetails, part: Any) -> _Case:
    """Follow the location through the data: pydantic's has branches of unions in it, which no file has."""
    kind, location = details["type"], details["loc"]
    key_error = kind in ("missing", "extra_forbidden")
    path: list[str | int] = []
    value = part
    for index, step in enumerate(location):
        if index == 1 and location[0] == "authentication":
            continue  # the type of the authentication
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
        elif not (key_error and index == len(location) - 1):
            continue
        path.append(step)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path.append("type")
        value = value.get("type") if isinstance(value, dict) else value
    return _Case(kind, tuple(path), value, details.get("ctx", {}), details["msg"])


class _Writer:
    def __init__(self, model: type[BaseModel], part: Any, path: Path, document: Document) -> None:
        self.model = model
        self.part = part
        self.path = path
        self.document = document
        self.label = _label(model, part, path)

    def write(self, cases: list[_Case]) -> Diagnostic:
        case = cases[0]
        if case.kind in _EXPECTED:
            expected = " or ".join(dict.fromkeys(_EXPECTED[c.kind] for c in cases))
            message = f"is {found(case.value)}, expected {expected}"
            return self.say("wrong-type", message, case, self.mend(case, {c.kind for c in cases}))
        if case.kind in CODES:
            return self.custom(case)
        writers = {
            "missing": self.missing,
            "union_tag_not_found": self.missing,
            "extra_forbidden": self.unknown,
            "literal_error": self.choice,
            "union_tag_invalid": self.choice,
            "greater_than_equal": self.bounds,
            "less_than_equal": self.bounds,
        }
        return writers.get(case.kind, self.other)(case)

    # --- kinds ---

    def missing(self, case: _Case) -> Diagnostic:
        *above, key = case.path
        hint = f"add it, such as: {example(self.owner(tuple(above)), str(key))}"
        if self.owner(tuple(above)) is AgentConfig and key == "type":
            hint += "; types: ai_agent, custom, http_api, mcp_server"
        message = f"required key {quote(str(key))} is missing{self.inside(tuple(above), ' in ')}"
        return self.document.diagnose("missing-key", message, (*self.path, *case.path), hint=hint)

    def unknown(self, case: _Case) -> Diagnostic:
        *above, key = case.path
        owner = self.owner(tuple(above))
        home = home_of(owner, str(key))
        hint = home or did_you_mean(str(key), suggested(owner), "allowed")
        message = f"unknown key {quote(str(key))}{self.inside(tuple(above), ' in ')}"
        return self.document.diagnose("unknown-key", message, (*self.path, *case.path), at="key", hint=hint)

    def choice(self, case: _Case) -> Diagnostic:
        allowed = re.findall(r"'([^']*)'", case.context.get("expected") or case.context["expected_tags"])
        if not isinstance(case.value, str):
            hint = did_you_mean("", allowed, "allowed")
            return self.say("wrong-type", f"is {found(case.value)}, expected a string", case, hint)
        message = f"is {quote(case.value)}, which is none of the allowed values"
        return self.say("invalid-value", message, case, did_you_mean(case.value, allowed, "allowed"))

    def bounds(self, case: _Case) -> Diagnostic:
        least, most = case.context.get("ge"), case.context.get("le")
        allowed = f"at least {least:g}" if least is not None else f"at most {most:,}"
        return self.say("out-of-range", f"is {case.value}, expected {allowed}", case)

    def custom(self, case: _Case) -> Diagnostic:
        """A rule of `scalars`: its type is the code; the context may say what is expected."""
        if "expected" in case.context:
            message = f"is {found(case.value)}, which is not allowed"
            return self.say(case.kind, message, case, f"expected {case.context['expected']}")
        place = (*self.path, *case.path)
        # Without a text the place is what a diagnostic begins with.
        message = f"{path_text(place)}: {case.message}" if self.document.root else case.message
        return self.document.diagnose(case.kind, message, place)

    def other(self, case: _Case) -> Diagnostic:
        field = self.owner(case.path[:-1]).model_fields.get(str(case.path[-1])) if case.path else None
        hint = f"expected something {field.description}" if field and field.description else None
        return self.say("invalid-value", f"is {found(case.value)}, which is not allowed", case, hint)

    def mend(self, case: _Case, kinds: set[str]) -> str | None:
        """What to write instead, where it can be told."""
        value = case.value
        if value is None:
            return f"write a value, or delete the {'key' if case.path else 'line'}"
        if "string_type" in kinds and isinstance(value, (bool, int, float)):
            return f"put it in quotes: {quote(self.raw(case))}"
        return _mended(value, kinds) if isinstance(value, str) else None

    def raw(self, case: _Case) -> str:
        """A scalar as it is written: 1.10, which is not 1.1 once it is in quotes."""
        span = self.document.value_span((*self.path, *case.path))
        return (
            self.document.line(span.line)[span.column - 1 : span.end_column - 1] if span else str(case.value)
        )

    # --- words ---

    def say(self, code: str, message: str, case: _Case, hint: str | None = None) -> Diagnostic:
        subject = (
            f"{self.label}: {path_text(case.path)}" if self.label and case.path else path_text(case.path)
        )
        return self.document.diagnose(
            code, f"{subject or self.label} {message}", (*self.path, *case.path), hint=hint
        )

    def inside(self, above: Path, preposition: str) -> str:
        parts = [path_text(above)] * bool(above) + [self.label] * bool(self.label)
        return preposition + " of ".join(parts) if parts else ""

    def owner(self, above: Path) -> type[BaseModel]:
        auth = self.part.get("authentication") if isinstance(self.part, dict) else None
        return model_at(self.model, above, auth.get("type") if isinstance(auth, dict) else None)


def _mended(text: str, kinds: set[str]) -> str | None:
    word = _BOOL_WORDS.get(text.lower())
    if "bool_type" in kinds and word:
        return f"write {word}, without quotes"
    if "list_type" in kinds and re.fullmatch(r"[\w-]{1,40}", text):
        return f"write it as a list: [{text}]"
    if kinds & {"int_type", "float_type"} and re.fullmatch(r"\d+(\.\d+)?", text):
        return f"write it without quotes: {text}"
    return "a template is not possible here" if "{{" in text else None


def _label(model: type[BaseModel], part: Any, path: Path) -> str:
    """``task "fetch"``, or ``tasks[3]`` where it has no name."""
    name = part.get("name") if isinstance(part, dict) else None
    noun = {AgentConfig: "agent", TaskConfig: "task"}.get(model)
    return f"{noun} {quote(name)}" if noun and isinstance(name, str) else path_text(path)


def found(value: Any) -> str:
    """What stands there, in words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {quote(value)}"
    return "a list" if isinstance(value, list) else "a mapping"
