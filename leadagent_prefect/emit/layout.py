"""Python expressions as ``ruff format`` lays them out: on one line where they fit, else an item a line."""

from __future__ import annotations

import unicodedata

from leadagent_prefect.emit.code import Code, Group, Node, Text, quoted

#: The line length of ruff and black where a project says nothing else.
WIDTH = 88
_INDENT = "    "


def width(text: str) -> int:
    """Columns on a terminal, as ruff counts them: an ideograph takes two."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def flat(node: Node) -> str:
    """``node`` on one line."""
    if isinstance(node, Code):
        return node.text
    if isinstance(node, Text):
        return quoted(node.value)
    return node.open + ", ".join(prefix + flat(item) for prefix, item in node.items) + node.close


def lay_out(before: str, node: Node, after: str = "", depth: int = 0) -> str:
    """``before``, the node and ``after`` as lines that are indented by ``depth`` steps, without a line end.

    ``before`` and ``after`` stay on the lines of the node's first and last character.
    """
    indent = _INDENT * depth
    line = f"{indent}{before}{flat(node)}{after}"
    if width(line) <= WIDTH:
        return line
    if isinstance(node, Group) and node.items:
        lines = [lay_out(prefix, item, ",", depth + 1) for prefix, item in node.items]
        return "\n".join([f"{indent}{before}{node.open}", *lines, f"{indent}{node.close}{after}"])
    if isinstance(node, Text) and len(parts := node.value.splitlines(keepends=True)) > 1:
        whole = f"{indent}{_INDENT}{quoted(node.value)}"
        lines = [whole] if width(whole) <= WIDTH else [f"{indent}{_INDENT}{quoted(part)}" for part in parts]
        return "\n".join([f"{indent}{before}(", *lines, f"{indent}){after}"])
    return line
