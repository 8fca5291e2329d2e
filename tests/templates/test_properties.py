"""What holds for every template: it ends in plain data or in a TemplateError, and agrees with Jinja2."""

from __future__ import annotations

import json
from typing import Any

import jinja2
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates import problems, references, render
from leadagent_prefect.templates.convert import Converter
from leadagent_prefect.templates.filters import FILTERS, TESTS
from leadagent_prefect.templates.grammar import parse, plain_path
from leadagent_prefect.templates.scan import Source

SCOPE: dict[str, Any] = {
    "inputs": {
        "n": 3,
        "f": 1.5,
        "s": "a-B c",
        "l": [3, 1, 2],
        "w": ["b", "a", "C"],
        "d": {"k": "v", "items": 1},
    },
    "tasks": {"t": {"result": [{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": {"c": "y"}}], "error": None}},
}
ATOMS = ["inputs.n", "inputs.f", "inputs.s", "inputs.l", "inputs.w", "inputs.d", "tasks.t.result",
         "inputs.nope",
         "tasks.t.error", "1", "0", "'a'", "true", "none", "[]", "2.5", "nope", "''", "-1"]  # fmt: skip
OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "~",
    "==",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "in",
    "not in",
    "and",
    "or",
    "**",
]


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(sorted(FILTERS))
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS), inner),
        st.builds("{}|{}".format, inner, names),
        st.builds("{}|{}({})".format, inner, names, inner),
        st.builds("{}|{}({}, {})".format, inner, names, inner, inner),
        st.builds("({} is {})".format, inner, st.sampled_from(sorted(TESTS))),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({}).{}".format, inner, st.sampled_from(["a", "b", "items", "__class__", "0"])),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'k': {}}}".format, inner),
        st.builds("{}|map('{}')".format, inner, names),
        st.builds("{}({})".format, inner, inner),
    )


EXPRESSIONS = st.recursive(st.sampled_from(ATOMS), combined, max_leaves=8)


def ends_well(template: str) -> None:
    try:
        value = render(template, SCOPE)
    except TemplateError:
        return
    json.dumps(value, allow_nan=False)


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS, st.sampled_from(["{}", "x {}"]))
def test_every_expression_ends_in_plain_data_or_a_template_error(expression, around):
    ends_well(around.format("{{ " + expression + " }}"))


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("{}%#-+'\"\\ab.[]()|~*/, 01é\r\n\x00\ud800"), max_size=40))
def test_every_text_ends_in_plain_data_or_a_template_error(text):
    ends_well("{{" + text + "}}")
    for problem in problems("{{" + text):
        assert 0 <= problem.offset <= len(text) + 2
    list(references("{{" + text + "}}"))


SAME = st.sampled_from([
    "length", "first", "last", "join", "lower", "upper", "trim", "replace('a', 'b')",
    "truncate(3, true, '', 0)",
    "round(1)", "int", "float", "list", "unique|list", "sort", "sum", "min", "max", "batch(2)|list",
    "map(attribute='a')|list", "map('upper')|list", "select('number')|list", "reject('none')|list",
    "selectattr('a')|list", "urlencode", "default('d')", "default('d', true)", "sort(reverse=true)",
    "sort(attribute='b.c')", "map(attribute='b.c')|join(',')", "sum(attribute='a')", "[0]|first",
])  # fmt: skip


def caseless(value: Any) -> Any:
    """Booleans as text are `true` here and `True` there."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, list):
        return [caseless(item) for item in value]
    return {key: caseless(item) for key, item in value.items()} if isinstance(value, dict) else value


def jinja(expression: str) -> Any:
    environment = NativeEnvironment(undefined=jinja2.StrictUndefined)
    return environment.compile_expression(expression, undefined_to_none=False)(**SCOPE)


@settings(max_examples=400, deadline=None)
@given(st.recursive(st.sampled_from(ATOMS[:9]), lambda inner: st.one_of(
    st.builds("{}|{}".format, inner, SAME),
    st.builds("({} {} {})".format, inner, st.sampled_from(OPERATORS[:16]), inner),
    st.builds("({} if {} else {})".format, inner, inner, inner),
    st.builds("({})[{}]".format, inner, st.sampled_from(["0", "-1", "1:", ":1", "'a'", "'items'"])),
), max_leaves=5))  # fmt: skip
def test_what_has_a_value_has_the_value_it_has_in_jinja(expression):
    try:
        value = render("{{ " + expression + " }}", SCOPE)
    except TemplateError:
        return
    if "~" in expression or "|join" in expression or "|urlencode" in expression:
        return  # null and numbers read otherwise as text: see test_render
    if "default" in expression:
        return  # it catches more here
    try:
        expected = jinja(expression)
    except TypeError:
        return  # what Python can't hash: `[1] in {}` is false here, and lists can be unique
    except jinja2.UndefinedError:
        assert "selectattr" in expression  # an attribute that is missing is false here
        return
    assert caseless(value) == caseless(json.loads(json.dumps(expected, default=list)))


@given(st.from_regex(r"[ \n]*[a-z_]{1,6}(\.[A-Za-z_0-9]{1,4}){0,4} *", fullmatch=True))
def test_the_short_way_of_dotted_names_is_that_of_the_parser(text):
    source = Source(text, 7)
    short = plain_path(source)
    if short is not None:
        expression, tokens = parse(source)
        assert short == Converter(tokens).convert(expression)
