"""What becomes of a string with templates, and of the values around it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates import has_template, references, render


def test_a_string_without_braces_stays_as_it_is(scope):
    assert render("{% if x %} {# y #} } }} { text", scope) == "{% if x %} {# y #} } }} { text"


@pytest.mark.parametrize("text", ["{{ inputs.list }}", "  {{inputs.list}}\n", "{{- inputs.list -}}"])
def test_a_whole_expression_keeps_the_type_of_its_value(scope, text):
    assert render(text, scope) == ["b", "a", "B"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear {{ inputs.name }}!", "Dear Ada!"),
        ("[{{ inputs.nothing }}]", "[]"),
        ("{{ inputs.flag }}/{{ inputs.n }}", "true/7"),
        ("={{ tasks.fetch.result['keys'] }}", '={"a":1.5}'),
        ("={{ inputs.list }}", '=["b","a","B"]'),
        ("{{ tasks.fetch.result.text }}.", "x <b> ünï."),
        ("{{ '{{' }} x {{ '}}' }}", "{{ x }}"),
        ("{% {{ 1 }} %}{# {{ 2 }} #}", "{% 1 %}{# 2 #}"),
        ("a  {{- 1 -}}  b", "a1b"),
        ("a {{+1 }}", "a 1"),
        ("{{ {'a': {'b': 1}} }}.", '{"a":{"b":1}}.'),
        ("{{ '}}' }}{{ \"'}}\" }}", "}}'}}"),
        ("one\n{{ 1 }}\nthree", "one\n1\nthree"),
    ],
)
def test_in_mixed_text_values_stand_as_text(scope, text, expected):
    assert render(text, scope) == expected


def test_values_are_templated_at_any_depth_and_keys_never(scope):
    value = {"{{ inputs.n }}": [{"a": "{{ inputs.n }}"}, ("x{{ inputs.n }}", 1.5, None, True)]}
    assert render(value, scope) == {"{{ inputs.n }}": [{"a": 7}, ["x7", 1.5, None, True]]}


def test_a_result_is_data_and_is_not_rendered_again():
    scope = {"tasks": {"a": {"result": "{{ env.SECRET }}"}}, "env": {"SECRET": "s"}}
    assert render({"x": "{{ tasks.a.result }}", "y": "<{{ tasks.a.result }}>"}, scope) == {
        "x": "{{ env.SECRET }}",
        "y": "<{{ env.SECRET }}>",
    }


def test_what_is_rendered_shares_nothing_with_the_scope(scope):
    rendered = render("{{ inputs.list }}", scope)
    rendered.append("more")
    assert scope["inputs"]["list"] == ["b", "a", "B"]


def test_a_failure_names_the_expression_and_not_the_values(scope):
    with pytest.raises(TemplateError) as caught:
        render(["fine", "<{{ inputs.nmae ~ inputs.name }}>"], scope)
    assert str(caught.value) == (
        '{{ inputs.nmae ~ inputs.name }}: inputs has no "nmae": did you mean "name"? '
        'there is: "empty", "flag", "list", "n", "nothing"'
    )


def test_a_long_expression_is_named_by_its_start(scope):
    with pytest.raises(TemplateError, match=r"^\{\{ inputs\.nope ~ 'x{64,66}\.\.\. \}\}: inputs has no"):
        render("{{ inputs.nope ~ '" + "x" * 200 + "' }}", scope)


def test_a_broken_template_fails_when_it_is_rendered(scope):
    with pytest.raises(TemplateError, match="the expression is not closed"):
        render("{{ inputs.n", scope)


def test_values_that_are_no_plain_data_are_refused():
    with pytest.raises(TemplateError, match="a set is not plain data"):
        render("{{ x }}", {"x": {1, 2}})
    with pytest.raises(TemplateError, match="NaN and infinity"):
        render("{{ x }}", {"x": float("nan")})
    with pytest.raises(TemplateError, match="the number is too large"):
        render("<{{ x }}>", {"x": 10**5000})
    with pytest.raises(TemplateError, match="keys of a mapping are strings, not a number"):
        render("{{ x }}", {"x": {1: 2}})


def test_a_namespace_is_no_value(scope):
    for text in ("{{ env }}", "{{ [env] }}", "all: {{ env }}", "{{ env|tojson }}"):
        with pytest.raises(TemplateError, match="a namespace is not a value"):
            render(text, scope)


def test_a_namespace_says_itself_where_it_looked(scope):
    with pytest.raises(TemplateError, match=r"NOPE is no environment variable$"):
        render("{{ env.NOPE }}", scope)
    with pytest.raises(TemplateError, match=r'env has no "SILENT"$'):
        render("{{ env.SILENT }}", scope)
    assert render("{{ env.NOPE|default('/') }}{{ 'HOME' in env }}{{ env.HOME }}", scope) == "/true/root"


def test_data_too_deep_to_copy_is_a_template_error():
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested too deeply"):
        render("{{ x }}", {"x": deep})


def test_what_python_itself_refuses_is_a_template_error():
    with pytest.raises(TemplateError, match=r"OverflowError$"):
        render("{{ x|round(1, 'ceil') }}", {"x": 10**400})


def test_braces_are_what_makes_a_template():
    assert has_template("x {{ y")
    assert not has_template("x { y } {% z %}")


def test_mappings_with_other_keys_than_strings_are_only_looked_into():
    scope = {"x": {1: "one", "two": 2}}
    assert render("{{ x.two }}", scope) == 2
    with pytest.raises(TemplateError, match=r'x has no "tow": did you mean "two"\? there is: "two"$'):
        render("{{ x.tow }}", scope)


def test_threads_read_templates_beside_each_other():
    texts = [f"{{{{ x['{'k' * (n % 50)}'] | default({n}) }}}}" for n in range(400)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: (list(references(text)), render(text, {"x": {}})), texts))
    for n, (((_, reference),), value) in enumerate(found):
        assert (reference.path, reference.length, value) == (("k" * (n % 50),), 5 + n % 50, n)
