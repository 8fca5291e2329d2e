"""Conditions that exclude each other by their form: some are found, and none that can both hold."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates import problems, render, whole_expression
from leadagent_prefect.templates.conditions import exclude_each_other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("inputs.deep", "not inputs.deep"),
        ("inputs.deep", "(not  inputs['deep'])"),
        ("inputs.n > 3", "not inputs.n > 3"),
        ("inputs.kind == 'a'", "inputs.kind == 'b'"),
        ("inputs.kind == 'a'", "inputs.kind != 'a'"),
        ("inputs.n == 1", "inputs.n == 2"),
        ("tasks.t.result | length == 0", "tasks.t.result | length != 0"),
        ("inputs.x | default(1) == 1", "inputs.x | default(1) == 2"),
        ("inputs.x is defined", "not (inputs.x is defined)"),
        ("inputs.x is defined", "inputs.x is not defined"),
        ("inputs.l[0] == 'a'", "inputs.l[0] == 'b'"),
        ("inputs.n == 1 and inputs.deep", "not (inputs.n == 1 and inputs.deep)"),
        ("inputs.l[1:]", "not inputs.l[1:]"),
        ("inputs.l | first == 'a'", "not inputs.l | first == 'a'"),
    ],
)
def test_opposites_are_seen_in_whichever_order(one: str, other: str) -> None:
    assert exclude_each_other(braced(one), braced(other))
    assert exclude_each_other(braced(other), braced(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("inputs.deep", "inputs.deep"),
        ("inputs.deep", "not inputs.flat"),
        ("inputs.kind == 'a'", "inputs.kind == 'a'"),
        ("inputs.kind == 'a'", "inputs.sort == 'b'"),
        ("inputs.kind == 'a'", "inputs.kind != 'b'"),
        ("inputs.kind != 'a'", "inputs.kind != 'b'"),
        ("inputs.kind == 'a'", "inputs.kind in ['b']"),  # true by meaning; nobody is told without a proof
        ("inputs.kind == inputs.a", "inputs.kind == inputs.b"),
        ("inputs.n == 1", "inputs.n == 1.0"),
        ("inputs.n == 1", "inputs.n == true"),
        ("inputs.n != 1", "inputs.n == true"),
        ("0 < inputs.n < 3", "inputs.n == 4"),
        ("inputs.x | default(1)", "not inputs.x | default(2)"),
    ],
)
def test_what_may_hold_at_once_is_not_taken_for_opposites(one: str, other: str) -> None:
    assert not exclude_each_other(braced(one), braced(other))
    assert not exclude_each_other(braced(other), braced(one))


def test_texts_that_are_no_condition_exclude_nothing() -> None:
    assert not exclude_each_other("inputs.deep", "{{ not inputs.deep }}")
    assert not exclude_each_other("{{ inputs.deep }}", "no {{ inputs.deep }}")
    assert not exclude_each_other("{{ inputs. }}", "{{ not inputs. }}")


def braced(expression: str) -> str:
    return f"{{{{ {expression} }}}}"


VALUES: list[Any] = [0, 1, 1.0, True, False, None, "", "a", "1", [], [1], {"b": 1}]
OPERANDS = ["inputs.x", "inputs.y", "inputs.x.b", "inputs.x | default(1)", "inputs.x | length"]
CONSTANTS = ["0", "1", "1.0", "true", "false", "none", "'a'", "'1'", "''"]
COMPARED = st.builds(
    "{} {} {}".format,
    st.sampled_from(OPERANDS),
    st.sampled_from(["==", "!=", "<", ">=", "in"]),
    st.one_of(st.sampled_from(CONSTANTS), st.sampled_from(OPERANDS)),
)
CONDITIONS = st.recursive(
    st.one_of(st.sampled_from(OPERANDS), COMPARED),
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
        st.builds("({}) == ({})".format, inner, st.sampled_from(CONSTANTS)),
    ),
    max_leaves=3,
)
PAIRS = st.one_of(
    st.tuples(CONDITIONS, CONDITIONS),
    CONDITIONS.map(lambda one: (one, f"not ({one})")),
    st.tuples(
        st.sampled_from(OPERANDS), *[st.sampled_from(CONSTANTS)] * 2, st.sampled_from(["==", "!="])
    ).map(lambda t: (f"{t[0]} == {t[1]}", f"{t[0]} {t[3]} {t[2]}")),
)


@settings(max_examples=500, deadline=None)
@given(PAIRS, st.sampled_from(VALUES), st.sampled_from(VALUES))
def test_conditions_that_exclude_each_other_never_both_hold(pair: tuple[str, str], x: Any, y: Any) -> None:
    one, other = map(braced, pair)
    if exclude_each_other(one, other):
        assert not (holds(one, x, y) and holds(other, x, y))


def test_no_two_comparisons_with_constants_that_exclude_each_other_ever_both_hold() -> None:
    """``1 == 1.0 == true``, so of these nothing may be said."""
    comparisons = [braced(f"inputs.x {sign} {value}") for sign in ("==", "!=") for value in CONSTANTS]
    true_of = {one: {n for n, x in enumerate(VALUES) if holds(one, x, None)} for one in comparisons}
    excluding = [pair for pair in combinations(comparisons, 2) if exclude_each_other(*pair)]
    assert excluding
    assert [pair for pair in excluding if true_of[pair[0]] & true_of[pair[1]]] == []


def holds(condition: str, x: Any, y: Any) -> bool:
    try:
        return bool(render(condition, {"inputs": {"x": x, "y": y}}))
    except TemplateError:
        return False


@pytest.mark.parametrize("text", ["{{ inputs.a }}", "  {{ inputs.a }}\n", "{{ '}}' }}"])
def test_a_whole_expression_may_have_white_space_around_it(text: str) -> None:
    assert whole_expression(text)
    assert not problems(text)


@pytest.mark.parametrize("text", ["", "inputs.a", "a {{ inputs.a }}", "{{ inputs.a }}{{ inputs.a }}"])
def test_a_text_is_no_whole_expression(text: str) -> None:
    assert not whole_expression(text)
