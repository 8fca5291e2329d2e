from __future__ import annotations

import json

import pytest

from leadagent_prefect.source import read_text


def problems(text: str) -> list[tuple[str, str, int, int]]:
    found = read_text(text, "f.json", "json").problems
    return [(d.code, d.message, d.span.line, d.span.column) for d in found if d.span]


def test_json_is_read_as_the_standard_reader_does() -> None:
    text = ' {"a": [1, -2.5e3, true, false, null, "x\\n\\u00e9\\ud83d\\ude00"], "b": {}, "c": []} \r\n\t'

    document = read_text(text, format="json")

    assert document.problems == []
    assert document.data == json.loads(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("empty-document", "the file is empty", 1, 1)),
        (" \n ", ("empty-document", "the file is empty", 2, 2)),
        ('{"a": 1,\n "a": 2}', ("duplicate-key", 'key "a" stands here again; the first is in line 1', 2, 2)),
        ('{"a": NaN}', ("not-finite", "NaN is not a finite number", 1, 7)),
        ('{"a": -Infinity}', ("not-finite", "-Infinity is not a finite number", 1, 7)),
        ('{"a": 1e309}', ("not-finite", "1e309 is not a finite number", 1, 7)),
        (
            '{"a": 9007199254740993}',
            (
                "number-too-large",
                "the number 9007199254740993 is beyond 2^53 and would be rounded by other readers",
                1,
                7,
            ),
        ),
        ('{"a": "\\udc00"}', ("control-character", "half of a surrogate pair in a string", 1, 7)),
        (
            '{"a": "x\ny"}',
            ("control-character", "a control character or line break stands in a string", 1, 9),
        ),
        ('{"a": "x', ("syntax-error", "the string that begins here has no end", 1, 7)),
        ('{"a": "\\q"}', ("syntax-error", "not an escape of JSON", 1, 8)),
        ('{"a": "\\u12"}', ("syntax-error", "not an escape of JSON", 1, 9)),
        ('{"a": 1} 2', ("syntax-error", 'found "2", expected nothing after the end of the value', 1, 10)),
        ('{"a": 1,}', ("syntax-error", 'a comma before "}"', 1, 8)),
        ("[1,]", ("syntax-error", 'a comma before "]"', 1, 3)),
        ("[1 2]", ("syntax-error", 'found "2", expected "," or "]"', 1, 4)),
        ("{a: 1}", ("syntax-error", 'found "a", expected a key in double quotes', 1, 2)),
        ('{"a" 1}', ("syntax-error", 'found "1", expected ":" after the key', 1, 6)),
        ('{"a": yes}', ("syntax-error", 'found "y", expected a value', 1, 7)),
        ('{"a": }', ("syntax-error", 'found "}", expected a value', 1, 7)),
        ("[1, 02]", ("syntax-error", 'found "2", expected "," or "]"', 1, 6)),
        ("[", ("syntax-error", "found the end of the file, expected a value", 1, 2)),
        ('{"a": 1', ("syntax-error", 'found the end of the file, expected "," or "}"', 1, 8)),
    ],
)
def test_what_is_wrong_has_its_place(text: str, expected: tuple[str, str, int, int]) -> None:
    assert problems(text) == [expected]


def test_reading_goes_on_where_it_can() -> None:
    document = read_text('{"a": 1, "a": 2, "b": NaN, "c": 3}', format="json")

    assert document.data == {"a": 1, "b": 0, "c": 3}
    assert [d.code for d in document.problems] == ["duplicate-key", "not-finite"]


@pytest.mark.parametrize("indent", [None, "\t"])
def test_json_is_yaml_too(indent: str | None) -> None:
    data = {"name": "news \U0001f600", "<<": {"a": 1}, "tab": "a\tb"}

    document = read_text(json.dumps(data, indent=indent))

    assert (document.data, document.problems) == (data, [])


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ('{"a": 1, "a": 2}', "duplicate-key", 10),
        ('{"a": ' * 65, "too-deep", 385),
        ('{"a": [' + "1," * 250_000, "too-many-nodes", 500_004),
    ],
    ids=["duplicate", "deep", "many"],
)
def test_json_in_yaml_is_held_to_the_same_rules(text: str, code: str, column: int) -> None:
    (problem,) = read_text(text).problems

    assert problem.span is not None
    assert (problem.code, problem.span.column) == (code, column)


def test_what_only_looks_like_json_is_read_as_yaml() -> None:
    document = read_text('{a: 1, \'b\': [x, 0o17,], "c": "\\x41"}')

    assert (document.data, document.problems) == ({"a": 1, "b": ["x", 15], "c": "A"}, [])
