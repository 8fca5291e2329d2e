"""Texts of a workflow as docstrings and comments: whatever is in them, they can't end either early."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping

from leadagent_prefect.emit.layout import WIDTH

PLAIN = "Runs the workflow."
#: A quote at the end of a line that is not escaped: an even number of backslashes stands before it.
_LAST_QUOTE = re.compile(r'((?<!\\)(?:\\\\)*)"$')


def docstring(text: str, depth: int = 0) -> str:
    """A docstring that is indented by ``depth`` steps, without a line end."""
    indent = "    " * depth
    lines = [_escaped(line) for line in text.strip().split("\n")]
    lines[0] = re.sub('^"', r'\\"', lines[0])
    lines[-1] = _LAST_QUOTE.sub(r'\1\\"', lines[-1])
    body = "\n".join(f"{indent}{line}".rstrip() for line in lines)[len(indent) :]
    end = f"\n{indent}" if len(lines) > 1 else ""
    return f'{indent}"""{body}{end}"""'


def flow_text(description: str | None, inputs: Mapping[str, str]) -> str:
    """What the docstring of a flow says: the description, and what Prefect's form shows beside each input."""
    parts = [_wrapped(description)] if description and description.strip() else []
    rows = [f"    {name}: {' '.join(text.split())}" for name, text in inputs.items() if text.strip()]
    if rows:
        parts = parts or [PLAIN]
        parts.append("\n".join(["Args:", *map(_hanging, rows)]))
    return "\n\n".join(parts)


def hides_inputs(description: str | None) -> bool:
    """Would Prefect's reader of docstrings miss the inputs that stand below this description?"""
    return (
        "```" in (description or "")
        or re.search(r"^\s*\w+:\s*$", description or "", re.MULTILINE) is not None
    )


def comment(text: str) -> str:
    """A comment on one line."""
    return f"# {_escaped(text)}".rstrip()


def _wrapped(text: str) -> str:
    lines = inspect.cleandoc(text.strip()).split("\n")
    return "\n".join(line if len(line) < WIDTH - 8 else textwrap.fill(line, WIDTH - 8) for line in lines)


def _hanging(row: str) -> str:
    return textwrap.fill(row, WIDTH - 8, subsequent_indent=" " * 8, break_long_words=False)


def _escaped(line: str) -> str:
    """One line, with what can't be printed or would end a docstring as escapes."""
    shown = "".join(
        c if c.isprintable() else repr(c)[1:-1] if c != "\\" else c for c in line.replace("\\", "\\\\")
    )
    return shown.replace('"""', '\\"\\"\\"')
