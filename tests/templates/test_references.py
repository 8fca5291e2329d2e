"""What a value refers to, and where."""

from __future__ import annotations

import pytest

from leadagent_prefect.templates import references


def of(text):
    return [
        (found.root, found.path, text[found.offset : found.offset + found.length], found.guarded)
        for path, found in references(text)
        if path == ()
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", []),
        ("{{ inputs }}", [("inputs", (), "inputs", False)]),
        ("x {{  tasks.a.result.b }}", [("tasks", ("a", "result", "b"), "tasks.a.result.b", False)]),
        (
            "{{ tasks['odd name'].result[0] . x }}",
            [("tasks", ("odd name", "result", 0, "x"), "tasks['odd name'].result[0] . x", False)],
        ),
        ("{{ tasks.a.result.0.x }}", [("tasks", ("a", "result", 0, "x"), "tasks.a.result.0.x", False)]),
        ("{{ a . 1_0|first }}", [("a", (10,), "a . 1_0", False)]),
        ("{{ a.b[1:].c }}", [("a", ("b",), "a.b", False)]),
        ("{{ a.b[c.d].e }}", [("a", ("b",), "a.b", False), ("c", ("d",), "c.d", False)]),
        ("{{ a[true].b }}", [("a", (), "a", False)]),
        ("{{ a.b|default(c.d) }}", [("a", ("b",), "a.b", True), ("c", ("d",), "c.d", False)]),
        ("{{ (a ~ b.c|upper)|default('') }}", [("a", (), "a", True), ("b", ("c",), "b.c", True)]),
        ("{{ a.b is defined and a.b }}", [("a", ("b",), "a.b", True), ("a", ("b",), "a.b", False)]),
        ("{{ a is not defined }}", [("a", (), "a", True)]),
        ("{{ (a|first).b }}", [("a", (), "a", False)]),
        ("{{ a|join(b, attribute=c) }}", [(n, (), n, False) for n in "abc"]),
        ("{{ x if y else z }}", [(n, (), n, False) for n in "yxz"]),
        ("{{ [a, {'k': b}] == c < d }}", [(n, (), n, False) for n in "abcd"]),
        ("{{ a }} {{ b }}", [("a", (), "a", False), ("b", (), "b", False)]),
        ("{{ a ", []),
        ("{{ a|nix ~ b }}", [(n, (), n, False) for n in "ab"]),
        ("{{ a.b.get(c, d=e) }}", [("a", ("b",), "a.b", False), *((n, (), n, False) for n in "ce")]),
        ("{{ a(b) ** (c, 1) }}", [(n, (), n, False) for n in "abc"]),
        ("{{ 1 2 }} {{ a }}", [("a", (), "a", False)]),
        ("{{ größe.x }}", [("größe", ("x",), "größe.x", False)]),
    ],
)
def test_references_have_their_root_path_and_place(text, expected):
    assert of(text) == expected


def test_references_within_a_value_have_the_path_of_their_string_in_the_order_of_the_value():
    value = {"a": ["{{ x }}", {"b": "{{ y }}"}], "{{ no }}": 1, "c": ("{{ z }}",), "d": None}
    assert [(path, found.root) for path, found in references(value)] == [
        (("a", 0), "x"), (("a", 1, "b"), "y"), (("c", 0), "z"),
    ]  # fmt: skip
