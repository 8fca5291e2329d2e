"""No value grows beyond 10 MiB on its way, and no expression takes more time than its data is worth."""

from __future__ import annotations

import pytest

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates import problems, references, render
from leadagent_prefect.templates.filters import regex, tests

MIB = 1024 * 1024
BIG = {
    "big": "a" * (6 * MIB),
    "commas": "," * (4 * MIB),
    "wide": "ß" * (3 * MIB),
    "one": [1],
    "quotes": '"' * (6 * MIB),
}


@pytest.mark.parametrize(
    "expression",
    [
        "big ~ big", "[big, big]", "{'a': big, 'b': big}", "[big, big]|join", "big|replace('a', 'bb')",
        "commas|split(',')", "big|list", "[0]|batch(2147483647, 'x')", "one|batch(2147483647, one)",
        "['x', 'y', 'z']|join(big)", "wide|urlencode", "[wide, 1]|map('urlencode')", "quotes|tojson",
        "[[big]]|map('string')|map('tojson')|join|fromjson ~ big",
        "big|regex_replace('a{1000}', '\\\\g<0>\\\\g<0>')",
        "['{', '}']|join(big)|regex_replace('a+', '\\\\g<0>\\\\g<0>')", "wide|upper ~ wide|upper",
        "[big, [1]]|flatten ~ big", "[{'k': big}]|groupby('k')", "wide|b64encode ~ wide|b64encode",
    ],
)  # fmt: skip
def test_a_value_that_would_be_too_large_is_refused(expression):
    with pytest.raises(TemplateError, match="larger than 10 MiB"):
        render(f"{{{{ {expression} }}}}", BIG)


def test_indented_json_is_measured_as_it_is_written():
    deep: object = ["x"] * 60_000
    for _ in range(60):
        deep = [deep]
    with pytest.raises(TemplateError, match="larger than 10 MiB"):
        render("{{ deep|tojson(indent=8) }}", {"deep": deep})


def test_values_rendered_together_are_measured_together():
    with pytest.raises(TemplateError, match="larger than 10 MiB"):
        render(["{{ big }}", "{{ big }}"], BIG)
    assert len(render("{{ big }}", BIG)) == 6 * MIB
    assert len(render("{{ big }}!", BIG)) == 6 * MIB + 1


def test_a_regular_expression_takes_linear_time():
    assert render("{{ x|regex_search('(a+)+$') }}", {"x": "a" * 1_000_000 + "b"}) is None
    assert render("{{ x|regex_replace('(x+x+)+y', '') }}", {"x": "x" * 100_000}) == "x" * 100_000


def test_all_matches_of_a_regular_expression_take_a_bounded_time(monkeypatch):
    monkeypatch.setattr(regex, "SECONDS", -1.0)
    with pytest.raises(TemplateError, match="the regular expression took more than -1 s"):
        render("{{ 'aa'|regex_replace('a', 'b') }}", {})


def test_membership_in_a_long_list_is_fast_and_that_of_lists_bounded(monkeypatch):
    numbers = list(range(200_000))
    assert len(render("{{ x|select('in', x)|list }}", {"x": numbers})) == 200_000
    monkeypatch.setattr(tests, "_COMPARISONS", 10)
    with pytest.raises(TemplateError, match="the lists are too long for `in`"):
        render("{{ x|select('in', x) }}", {"x": [[1], [2], [3], [4]]})


def test_reading_is_linear_in_the_length_of_the_text():
    many = "{{ a }}{{ b|upper }}" * 500
    assert problems(many) == []
    assert len(list(references(many))) == 1000
    assert problems("{" * 200_000)[0].code == "template-syntax"
    assert problems("{{ '" * 50_000)[0].code == "template-syntax"
    assert len(problems("{{ a b }}" * 500)) == 500


def test_a_string_and_an_expression_have_their_limits():
    (problem,) = problems("{{ a }} " * 1001)
    assert problem.message == "more than 1,000 expressions in one string"
    (problem,) = problems("{{ " + "a ~ " * 2500 + "a }}")
    assert problem.message == "the expression has more than 10,000 characters"
    assert problems("{{ " + "a.b ~ " * 1600 + "a }}") == []
