"""What is laid out here is what ruff's formatter would have made of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadagent_prefect.emit.code import Text, call, data, quoted
from leadagent_prefect.emit.layout import lay_out

PIECES = [*"ab c'\"\\\n\t{}ée\u0301漢👍\u202e\x00\ud800\u2028%", "some words of a text "]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def as_ruff_has_it(text: str) -> str:
    """``text`` in the layout of ruff's own defaults."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return done.stdout.decode()


@given(st.lists(st.tuples(TEXTS, VALUES), min_size=60, max_size=60))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_any_data_is_laid_out_as_ruff_does_it(rows: list[tuple[str, Any]]) -> None:
    lines = [
        lay_out(f"x_{n} = ", call("Thing", {"name": Text(name), "params": data(value)}))
        for n, (name, value) in enumerate(rows)
    ]
    text = "\n".join(lines) + "\n"
    assert as_ruff_has_it(text) == text
    for (name, value), node in zip(rows, ast.parse(text).body, strict=True):
        assert isinstance(node, ast.Assign)
        assert isinstance(node.value, ast.Call)
        assert [ast.literal_eval(argument.value) for argument in node.value.keywords] == [name, value]


@pytest.mark.parametrize(("length", "lines"), [(78, 1), (80, 1), (81, 3), (120, 3)])
def test_a_line_is_broken_from_its_89th_column_on(length: int, lines: int) -> None:
    text = lay_out("x = ", data(["a" * length]))
    assert len(text.splitlines()) == lines
    assert as_ruff_has_it(text + "\n") == text + "\n"


@given(TEXTS)
def test_a_quoted_text_reads_as_itself_on_one_line(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text
    assert quoted(text).isprintable()
