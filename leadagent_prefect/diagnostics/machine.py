"""Diagnostics for programs: JSON, GitHub workflow commands, SARIF 2.1.0."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from leadagent_prefect.codes import CODES
from leadagent_prefect.diagnostics.record import Diagnostic

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A list of objects; line and column are null where the workflow has no text."""
    return json.dumps([_as_dict(d) for d in diagnostics], indent=2) + "\n"


def _as_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    line, column, end_line, end_column = diagnostic.span or (None,) * 4
    return {
        "file": diagnostic.filename,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """One workflow command a line, which GitHub shows as an annotation of the file."""
    return "".join(map(_command, diagnostics))


def _command(diagnostic: Diagnostic) -> str:
    properties = {"file": diagnostic.filename}
    if diagnostic.span:
        names = ("line", "col", "endLine", "endColumn")
        properties |= {name: str(value) for name, value in zip(names, diagnostic.span, strict=True)}
    properties["title"] = diagnostic.code
    # A property also ends at a comma and a colon; the message only at a line break.
    listed = ",".join(
        f"{name}={_escape(value).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in properties.items()
    )
    message = diagnostic.message + (f"\n{diagnostic.hint}" if diagnostic.hint else "")
    return f"::{diagnostic.severity} {listed}::{_escape(message)}\n"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def render_sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """A SARIF log with one run; rules are the codes that occur."""
    found = list(diagnostics)
    used = sorted({d.code for d in found})
    driver = {"name": "leadagent", "rules": [_rule(code) for code in used]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, used.index(d.code)) for d in found],
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    row = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": row.title},
        "fullDescription": {"text": row.explanation},
        "defaultConfiguration": {"level": row.severity},
    }


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(diagnostic.filename)}}
    if diagnostic.span:
        names = ("startLine", "startColumn", "endLine", "endColumn")
        place["region"] = dict(zip(names, diagnostic.span, strict=True))
    text = diagnostic.message + (f" ({diagnostic.hint})" if diagnostic.hint else "")
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(filename: str) -> str:
    from urllib.parse import quote

    return quote(filename)
