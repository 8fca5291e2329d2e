"""The operators, and what is reached by names, members and items."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tasks.fetch.result.articles[0].title", "Sun"),
        ("tasks['odd name'].result", None),
        ("tasks.fetch.result.items", [1, 2, 3]),
        ("tasks.fetch.result.keys", {"a": 1.5}),
        ("tasks.fetch.result.items.0", 1),
        ("tasks.fetch.result.items[-1]", 3),
        ("tasks.fetch.result.items[1:]", [2, 3]),
        ("tasks.fetch.result.items[::-1]", [3, 2, 1]),
        ("inputs.name[0] ~ inputs.name[1:2]", "Ad"),
        ("inputs['na' ~ 'me']", "Ada"),
        ("inputs.list[inputs.n - 6]", "a"),
        ("[1, 'a', none, true, 2.5, [1]]", [1, "a", None, True, 2.5, [1]]),
        ("{'a': 1, 'b': {'c': inputs.n}}", {"a": 1, "b": {"c": 7}}),
        ("{inputs.name: 1}", {"Ada": 1}),
        ("1 + 2 * 3 - 4", 3),
        ("7 / 2", 3.5),
        ("7 // 2 ~ '|' ~ 7 % 4", 3),
        ("-inputs.n + +3", -4),
        ("1 < 2 <= 2 != 3", True),
        ("1 < 2 > 5", False),
        ("'a' == 'a' and 'a' != 'b'", True),
        ("2 >= 2.0 and 'a' < 'b'", True),
        ("inputs.n > 5 and inputs.name", "Ada"),
        ("inputs.nothing or 'x'", "x"),
        ("not inputs.flag", False),
        ("'x' if inputs.n > 5 else 'y'", "x"),
        ("'x' if inputs.n < 5 else 'y'", "y"),
        ("'x' if inputs.n < 5", None),
        ("'d' in inputs.name", True),
        ("'n' in inputs", True),
        ("1 in inputs", False),
        ("3 not in tasks.fetch.result.items", False),
        ("inputs.nope is defined", False),
        ("inputs.nope is not defined", True),
        ("inputs.n is defined", True),
        ("nope.at.all is defined", False),
        ("inputs.nothing is none", True),
        ("inputs.name is string", True),
        ("inputs.n is number", True),
        ("inputs is mapping", True),
        ("inputs.n is in [1, 7]", True),
        ("[1] is in [[1], 2]", True),
        ("inputs.name is in 'Adam'", True),
        ("'a' 'b'", "ab"),
        (r"'\d+\\x\n'", "\\d+\\x\n"),
        ("1_000", 1000),
        ("(1)", 1),
        ("größe|default('ü')", "ü"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_expression_has_the_value_it_has_in_jinja(value, expression, expected):
    if expression.startswith("7 //"):
        # As in Jinja, `~` binds more tightly than `//` and `%`.
        expression = "7 // 2"
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("inputs.nope.at.any.depth|default('d')", "d"),
        ("tasks.nope.result['x'][3]|default(none)", None),
        ("tasks['odd name'].result.x|default('d')", "d"),
        ("tasks.fetch.result.items[9]|default('d')", "d"),
        ("(inputs.nope ~ 'x')|default('d')", "d"),
        ("inputs.empty|first|default('d')", "d"),
        ("inputs.nope|default", ""),
        ("inputs.nope|default(default_value='d')", "d"),
        ("inputs.name|default('d')", "Ada"),
        ("inputs.nothing|default('d')", None),
        ("inputs.nothing|default('d', true)", "d"),
        ("inputs.nothing|default('d', boolean=true)", "d"),
        ("inputs.nope|default('d', true)|upper", "D"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_default_catches_what_is_missing_at_any_depth(value, expression, expected):
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("nope", 'the template\'s scope has no "nope"'),
        ("inputs.nmae", 'inputs has no "nmae": did you mean "name"?'),
        ("{}.x", 'the value has no "x": there is: none'),
        ("inputs[1]", "inputs has no key that is a number"),
        ("inputs[[1]]", "inputs has no key that is a list"),
        ("inputs.name.title", 'inputs.name is a string, it has no "title"'),
        ("tasks['odd name'].result.x", "tasks['odd name'].result is null, it has no \"x\""),
        ("tasks.fetch.result.items[7]", "tasks.fetch.result.items has 3 items, there is no [7]"),
        ("tasks.fetch.result.items[true]", "tasks.fetch.result.items is a list, it has no [a boolean]"),
        ("inputs.list[inputs.n - 6].x", "inputs.list[...] is a string"),
        ("inputs.n[1:]", "a slice is of a list or a string, not of a number"),
        ("inputs.list['a':]", "the bounds of a slice are whole numbers"),
        ("inputs.list[::0]", "the step of a slice is not 0"),
        ("inputs.name + inputs.name", "`+` is for numbers, not for a string, `~` joins text"),
        ("inputs.list * 2", "`*` is for numbers, not for a list"),
        ("2 * inputs.flag", "`*` is for numbers, not for a boolean"),
        ("1 // (inputs.n - 7)", "`//`: division by zero"),
        ("-inputs.name", "it takes a number, this is a string"),
        ("inputs.n < inputs.name", "a number and a string can't be compared"),
        ("1 in inputs.name", "a string can't hold a number"),
        ("1 in inputs.n", "`in` takes a list, a string or a mapping, this is a number"),
        ("{inputs.n: 1}", "the keys of a mapping are strings, not a number"),
        ("1e308 * inputs.n", "the number would be too large"),
        (f"{10**300} * {10**300} * {10**300}", "the number would be too large"),
        (f"{10**200} * {10**200}", "the number would be too large"),
        (f"{10**305} / 1e-20", "the number would be too large"),
        (f"{10**308} * 1.5e300 / {10**308}", "the number would be too large"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_failure_says_what_was_found(failure, expression, reason):
    assert failure(expression).startswith(reason)


def test_an_integer_too_large_for_a_float_is_a_number_too_large():
    from leadagent_prefect.errors import TemplateError
    from leadagent_prefect.templates import render

    with pytest.raises(TemplateError, match="the number would be too large"):
        render("{{ x / 1.5 }}", {"x": 10**400})
