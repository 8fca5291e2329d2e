"""Where keys, values and parts of strings stand."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.source import Document, read_data, read_text

TEXT = """\
# a remark
name: news
tasks:
  - name: fetch
    parameters: &p {url: /a, 日本: "x y"}
    empty:
  - plain
text: |
  one
  two
again: *p
merged:
  <<: *p
  own: &o !!str 5
"""


@pytest.fixture(scope="module")
def document() -> Document:
    return read_text(TEXT)


def shown(document: Document, span: Any) -> str:
    """What stands within a span."""
    lines = document.text.splitlines(keepends=True)
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    first, *middle, last = lines[span.line - 1 : span.end_line]
    return first[span.column - 1 :] + "".join(middle) + last[: span.end_column - 1]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("name",), "news"),
        (("tasks", 0, "parameters"), '{url: /a, 日本: "x y"}'),
        (("tasks", 0, "parameters", "日本"), '"x y"'),
        (("tasks", 1), "plain"),
        (("text",), "|\n  one\n  two"),
        (("again", "url"), "/a"),
        (("merged", "url"), "/a"),
        (("merged", "own"), "5"),
        (("tasks", 0), 'name: fetch\n    parameters: &p {url: /a, 日本: "x y"}\n    empty:'),
        # what is not there: the nearest thing that is
        (("tasks", 0, "empty"), "empty"),
        (("tasks", 0, "action"), "name"),
        (("tasks", 1, "action"), "plain"),
        (("tasks", 7), "tasks"),
        (("name", "x"), "name"),
        (("nothing",), "name"),
    ],
)
def test_the_place_of_a_value(document: Document, path: tuple[Any, ...], text: str) -> None:
    assert shown(document, document.value_span(path)) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("name",), "name"),
        (("tasks", 0, "parameters", "日本"), "日本"),
        (("merged", "own"), "own"),
        (("merged", "url"), "url"),
        (("tasks", 0), "name"),
        (("tasks", 1), "plain"),
        ((), "name"),
        (("nothing", 3), "name"),
    ],
)
def test_the_place_of_a_key(document: Document, path: tuple[Any, ...], text: str) -> None:
    assert shown(document, document.key_span(path)) == text


def test_a_bare_value_has_its_own_place() -> None:
    document = read_text("just text")

    assert document.key_span(("a",)) == document.value_span(()) == (1, 1, 1, 10)


@pytest.mark.parametrize(
    ("written", "part", "found"),
    [
        ("see {{ x }} now", "{{ x }}", "{{ x }}"),
        ("'it''s {{ x }}'", "{{ x }}", "{{ x }}"),
        ("'{{ tasks[''a''] }}'", "tasks['a']", "tasks[''a'']"),
        ('"{{ tasks[\\"a\\"] }}"', 'tasks["a"]', 'tasks[\\"a\\"]'),
        ('"a\\tb {{ x }}"', "{{ x }}", "{{ x }}"),
        ('"\\x7b{ x }}"', "{{ x }}", '"\\x7b{ x }}"'),
        ("|\n  one\n  {{ x }}\n", "{{ x }}", "{{ x }}"),
        (">-\n  one\n  {{ x }}\n", "{{ x }}", "{{ x }}"),
        ("|\n  {{ x\n  }}\n", "{{ x\n}}", "|\n  {{ x\n  }}"),
        ("plain", "", "plain"),
    ],
)
def test_a_part_of_a_string_is_found_where_it_is_written(written: str, part: str, found: str) -> None:
    document = read_text(f"a: {written}\n")
    offset = document.data["a"].index(part)

    assert shown(document, document.string_span(("a",), offset, len(part))) == found


def test_the_second_of_two_equal_parts_is_the_second() -> None:
    document = read_text('a: "{{ x }} {{ x }}"\n')

    assert document.string_span(("a",), 8, 7) == (1, 13, 1, 20)


def test_a_part_of_what_is_no_string_is_the_whole() -> None:
    document = read_text("a: [1]\n")

    assert document.string_span(("a",), 0, 1) == document.value_span(("a",))
    assert document.string_span(("b",), 0, 1) == document.value_span(("b",))


def test_json_has_places_too() -> None:
    document = read_text('{"a": [1, {"b": "{{ x }}"}]}', format="json")

    assert shown(document, document.value_span(("a", 1))) == '{"b": "{{ x }}"}'
    assert shown(document, document.key_span(("a", 1, "b"))) == '"b"'
    assert shown(document, document.string_span(("a", 1, "b"), 3, 1)) == "x"


def test_lines_end_with_any_break() -> None:
    document = read_text("a: 1\r\nb: 2\rc: 3\nd: 4")

    assert [document.line(n) for n in (1, 2, 3, 4)] == ["a: 1", "b: 2", "c: 3", "d: 4"]
    assert document.value_span(("d",)) == (4, 4, 4, 5)


def test_a_diagnostic_carries_its_line(document: Document) -> None:
    diagnostic = document.diagnose("unknown-key", "m", ("tasks", 1), hint="h")

    assert (diagnostic.span, diagnostic.source_line, diagnostic.hint) == ((7, 5, 7, 10), "  - plain", "h")
    assert document.diagnose("unknown-key", "m", ("name",), at="key").span == (2, 1, 2, 5)
    assert document.diagnose("unknown-key", "m", (), span=diagnostic.span).span == diagnostic.span


def test_a_dict_has_paths_in_place_of_places() -> None:
    document = read_data({"a": 1})

    assert (
        document.diagnose("unknown-key", "m", ("tasks", 3, "agent_name")).message == "tasks[3].agent_name: m"
    )
    assert document.diagnose("unknown-key", "m").message == "m"
    assert document.value_span(("a",)) is document.key_span(()) is document.string_span(("a",), 0, 1) is None
