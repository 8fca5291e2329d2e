"""What is refused when the file is read, each with its place."""

from __future__ import annotations

import pytest

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates import problems, render

NO_PYTHON = "`__class__` is of Python's objects, which templates have none of"
NO_REGEX = "not a regular expression (RE2)"
NO_LOOK = "invalid perl operator: (?="
LONG_REGEX = "a regular expression has at most 1000 characters"
NO_SHIFT = "a shift is a number with s, m, h, d or w, such as '-7d' or '1d12h'"


def only(text):
    (problem,) = problems(text)
    return problem.code, text[problem.offset : problem.offset + problem.length], problem.message


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a {{ x", "{{", 'the expression is not closed with "}}"'),
        ("a {{ 'x }}", "'", "the quotation mark is not closed"),
        ("{{}}", "{{", "the expression is empty"),
        ("b {{ a b }}", "b", "the expression goes on where it should end"),
        ("{{ a ? b }}", "?", "unexpected character '?'"),
        ("{{ (a }}", "a", "unexpected end of the expression, expected ')'."),
        ("{{ 5 + }}", "+", "the expression ends too early"),
        ("{{ a. }}", ".", "expected name or number"),
        ("{{ " + "[" * 21 + " }}", "[", "more than 20 brackets inside each other"),
        ("{{ " + "9" * 5000 + " }}", " " + "9" * 5000 + " ", "a number is too large"),
        ("{{ " + "not " * 2000 + "x }}", " " + "not " * 2000 + "x ", "the expression is nested too deeply"),
        ("{{ '\\x' }}", "'\\x'", "truncated \\xXX escape"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_expression(text, place, message):
    assert only(text) == ("template-syntax", place, message)


@pytest.mark.parametrize(
    ("expression", "place", "message"),
    [
        ("f(x)", "(", "a template calls nothing"),
        ("''.join(x)", "(", "a template calls nothing"),
        ("''.__class__", "__class__", 'a constant has no member "__class__"'),
        ("x.__class__", "__class__", NO_PYTHON),
        ("x['a'].__init__", "__init__", NO_PYTHON.replace("class", "init")),
        ("x.__a.__class__", "__class__", NO_PYTHON),
        ("f(a=x.y)", "(", "a template calls nothing"),
        ("x.y(1, *z)", "(", "a template calls nothing"),
        ("[1] * 3", "*", "`*` is for numbers, not for a list"),
        ("{'a': 1} + 1", "+", "`+` is for numbers, not for a mapping"),
        ("(x ~ y) % 1", "%", "`%` is for numbers, not for a string"),
        ("none.x", "x", 'a constant has no member "x"'),
        ("2 ** x", "**", "`**` is not allowed"),
        ("(1, 2)", ",", "a tuple is not allowed"),
        ("'a' * 300000000", "*", "`*` is for numbers, not for a string"),
        ("'%300000000d' % 1", "%", "`%` is for numbers, not for a string"),
        ("x + 'a'", "+", "`+` is for numbers, not for a string"),
        ("1e999", "1e999", "the number is too large"),
        (r"'\ud800'", r"'\ud800'", "a lone surrogate is no character"),
        ("x|upper(*y)", "u", "`*` and `**` are not allowed here"),
        ("x" + ".y" * 70, ".", "the expression is nested too deeply"),
        ("x" + " + x" * 70, "+", "the expression is nested too deeply"),
        ("x|round(1, 2, 3)", "round", "`round`: too many positional arguments"),
        ("x|join(sep=',')", "join", "`join`: got an unexpected keyword argument 'sep'"),
        ("x|tojson|length(1)", "length", "`length`: too many positional arguments"),
        ("x is none(1)", "none", "the test `none` takes no argument"),
        ("x is in", "in", "the test `in` takes one argument: a list, a string or a mapping"),
        ("x|map", "map", "`map` takes the name of a filter, or attribute and default"),
        ("x|map(attribute='a', sep=1)", "map", "`map` takes the name of a filter, or attribute and default"),
        ("x|map(y)", "map", "the filter of `map` is named by a plain string"),
        ("x|map('round', 1, 2, 3)", "map", "`round`: too many positional arguments"),
        ("x|select(y)", "select", "the test of `select` is named by a plain string"),
        ("x|select(test='none')", "select", "`select` takes no arguments by name: test"),
        ("x|selectattr('a', 'none', 1)", "selectattr", "the test `none` takes no argument"),
        ("x|selectattr", "selectattr", "`selectattr`: missing a required argument: 'attribute'"),
        ("x|regex_search('(')", "regex_search", f"`regex_search`: {NO_REGEX}: missing ): ("),
        ("x|regex_search('(?=x)')", "regex_search", f"`regex_search`: {NO_REGEX}: {NO_LOOK}"),
        (f"x|regex_replace('{'a' * 1001}', '')", "regex_replace", f"`regex_replace`: {LONG_REGEX}"),
        ("x|shift('7 days')", "shift", f"`shift`: {NO_SHIFT}"),
        ("x|shift('999999999w')", "shift", "`shift`: the shift is too long"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_the_language_does_not_have(expression, place, message):
    assert only(f"a {{{{ {expression} }}}} b") == ("template-not-allowed", place, message)


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("x|uper", "unknown-filter", 'there is no filter "uper"'),
        ("x|attr('__class__')", "unknown-filter", 'there is no filter "attr"'),
        ("x|format(1)", "unknown-filter", 'there is no filter "format"'),
        ("x|a.b", "unknown-filter", 'there is no filter "a.b"'),
        ("x|map('pprint')", "unknown-filter", 'there is no filter "pprint"'),
        ("x is callable", "unknown-test", 'there is no test "callable"'),
        ("x is not sameas(1)", "unknown-test", 'there is no test "sameas"'),
        ("x|select('eq', 1)", "unknown-test", 'there is no test "eq"'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_filters_and_tests_beside_the_list(expression, code, message):
    found, _, text = only(f"{{{{ {expression} }}}}")
    assert (found, text) == (code, message)


def test_an_unknown_filter_has_its_place_and_a_hint():
    (problem,) = problems("a {{ x|uper }}")
    assert (problem.offset, problem.length) == (7, 4)
    assert problem.hint.startswith('did you mean "upper"? filters: "b64encode"')


def test_all_problems_of_a_string_are_found():
    text = "{{ f(1) ~ x|nope }} {{ y is odd }} {{ 1 2 }}"
    assert [(problem.code, problem.offset) for problem in problems(text)] == [
        ("template-not-allowed", 4), ("unknown-filter", 12), ("unknown-test", 28), ("template-syntax", 40),
    ]  # fmt: skip


def test_a_string_without_braces_has_no_problems():
    assert problems("{% nope %} {{".replace("{{", "")) == []


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__[1].__subclasses__()",
        "inputs.__class__", "inputs['__class__']", "inputs|attr('__class__')", "inputs.keys()",
        "().__class__", "[].__class__", "{}.__class__", "(1).__class__", "(inputs.name ~ '').__class__",
        "'a' * 300000000", "('a' ~ 'b') * 300000000", "[0] * 300000000", "'%300000000d' % 1",
        "'%300000000d'|format(1)", "2 ** 99999999", "range(10 ** 9)", "range(10**9)|list", "lipsum()",
        "lipsum", "cycler('a')", "cycler.__init__.__globals__", "joiner", "namespace(a=1)", "self",
        "self._TemplateReference__context",
        "config", "request", "dict(a=1)", "caller()", "varargs", "loop", "super()", "url_for.__globals__",
        "inputs.name.format(1)", "'{0.__class__}'.format(1)", "inputs|map(attribute='__class__')|list",
        "inputs.list|map('__class__')", "inputs.list|map(attribute='__class__')",
        "inputs.list|sort(attribute='__class__')",
        "(inputs.list|first).__class__", "inputs.list|groupby('__class__')", "env.__class__", "env.values_",
        "env['__init__']", "env.keys", "x if x.__class__ else y",
    ],
)  # fmt: skip
def test_nothing_reaches_beyond_plain_data(scope, expression):
    with pytest.raises(TemplateError):
        render(f"{{{{ {expression} }}}}", scope)


def test_statements_and_comments_are_text(scope):
    text = "{% for x in range(10**9) %}{# {{ #}"
    assert only(text)[0] == "template-syntax"
    assert (
        render("{% set x = 1 %}{% include '/etc/passwd' %}", scope)
        == "{% set x = 1 %}{% include '/etc/passwd' %}"
    )


def test_names_with_two_underscores_are_members_where_they_are_not_pythons():
    assert problems("{{ x.__typename }} {{ x['__class__'] }}") == []
