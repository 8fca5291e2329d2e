"""Docstrings, names and forms, each by itself."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadagent_prefect.emit.docstring import comment, docstring, flow_text, hides_inputs
from leadagent_prefect.emit.form import form_schema
from leadagent_prefect.emit.layout import flat
from leadagent_prefect.emit.names import Names
from leadagent_prefect.emit.signature import signature
from leadagent_prefect.models import InputConfig
from leadagent_prefect.naming import file_stem, identifier


@given(st.text())
def test_a_docstring_holds_any_text_and_no_more(text: str) -> None:
    source = docstring(text or "x", 1)
    (statement,) = ast.parse(f"def f():\n{source}\n").body[0].body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)


@given(st.text())
def test_a_comment_is_one_line(text: str) -> None:
    assert ast.parse(comment(text)).body == []
    assert comment(text).isprintable()


def test_a_docstring_may_end_with_a_quote() -> None:
    assert docstring('Say "yes"') == '"""Say "yes\\""""'
    assert ast.literal_eval(docstring('Say "yes"')) == 'Say "yes"'


def test_long_texts_are_wrapped_and_notes_are_one_paragraph_each() -> None:
    text = flow_text("word " * 30, {"topic": "a note\n  on two lines " + "and more " * 12, "empty": " "})
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[2:5] == [
        "",
        "Args:",
        "    topic: a note on two lines and more and more and more and more and more and",
    ]
    assert "empty" not in text


@pytest.mark.parametrize(
    ("description", "hidden"),
    [
        ("Plain.", False),
        ("Code:\n```\nx\n```", True),
        ("Args:\n  x: y", True),
        (None, False),
        ("a: b", False),
    ],
)
def test_descriptions_that_prefect_reads_as_sections_are_told(description: str | None, hidden: bool) -> None:
    assert hides_inputs(description) is hidden


def test_every_name_is_given_once() -> None:
    names = Names(["reserved"])
    taken = [
        names.take(name, "task") for name in ["a", "A", "a!", "a?", "reserved", "flow", "class", "class"]
    ]
    assert taken == [
        "a",
        "a_task",
        "a_task_2",
        "a_task_3",
        "reserved_task",
        "flow_task",
        "class_",
        "class_task",
    ]
    assert Names(["b_task_2"]).take("b", "task") == "b"


def test_numbers_go_round_names_that_are_there() -> None:
    names = Names(["b", "b_task", "b_task_2"])
    assert names.take("b", "task") == "b_task_3"


@given(st.text(min_size=1, max_size=128))
def test_any_name_gives_an_identifier_and_a_file(name: str) -> None:
    found = identifier(name)
    assert found.isidentifier()
    assert found.isascii()
    ast.parse(f"{found} = 1")
    assert set(file_stem(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert file_stem(name)[0] not in "-_"


def config(**keywords: Any) -> InputConfig:
    return InputConfig.model_validate(keywords)


@pytest.mark.parametrize(
    ("written", "annotation"),
    [
        ({"type": "string"}, "str"),
        ({"type": "array", "items": {"type": "integer"}}, "list[int]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"type": "integer", "enum": [1, 2]}, "Literal[1, 2]"),
        ({"type": "boolean", "enum": [True]}, "Literal[True]"),
        ({"type": "array"}, 'XInput = Annotated[list[Any], WithJsonSchema({"type": "array"})]'),
        (
            {"type": "number", "enum": [0.5]},
            'XInput = Annotated[float, WithJsonSchema({"type": "number", "enum": [0.5]})]',
        ),
        (
            {"type": "integer", "enum": [1, True]},
            'XInput = Annotated[int, WithJsonSchema({"type": "integer", "enum": [1, True]})]',
        ),
    ],
)
def test_an_input_has_the_type_that_the_form_needs(written: dict[str, Any], annotation: str) -> None:
    found = signature({"x": config(**written)})
    shown = [f"{name} = {flat(node)}" for name, node in found.aliases.items()]
    assert shown or [item.text.removeprefix("x: ") for _, item in found.parameters.items[1:]] == [annotation]
    assert not shown or shown == [annotation]


def test_no_two_types_have_one_name() -> None:
    inputs = {name: config(type="integer", minimum=1) for name in ("a_b", "AB", "a__b")}
    assert list(signature(inputs).aliases) == ["ABInput", "ABInput_", "ABInput__"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (
            {"type": "integer", "minimum": 1, "default": 3, "description": "d"},
            {"type": "integer", "minimum": 1},
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"a": {"title": "a", "type": "string"}},
        ),
        ({"type": "object", "properties": {"a": True}}, {"type": "object"}),
        ({"type": "array", "items": False}, {"type": "array"}),
        ({"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {}}}, {"type": "array"}),
        ({"type": "string", "allOf": [{"$ref": "#"}]}, {"type": "string"}),
        ({"type": "string", "allOf": [{"minLength": 2}]}, {"type": "string", "allOf": [{"minLength": 2}]}),
    ],
)
def test_the_form_gets_what_it_can_bear(written: dict[str, Any], shown: dict[str, Any]) -> None:
    found = form_schema(config(**written))
    assert found.get("properties", found) == shown
