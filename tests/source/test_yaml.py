"""YAML by the 1.2 core schema, through libyaml and through the pure parser alike."""

from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect.source import read_text, yaml_reader
from leadagent_prefect.source.nodes import Notes, Stop
from leadagent_prefect.source.yaml_reader import PureParser, read_yaml


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader.yaml, "__with_libyaml__", request.param == "libyaml")


def data(text: str) -> Any:
    document = read_text(text)
    assert document.problems == []
    return document.data


def codes(text: str) -> list[str]:
    return [d.code for d in read_text(text).problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True), ("False", False), ("TRUE", True), ("yes", "yes"), ("on", "on"), ("n", "n"),
        ("null", None), ("~", None), ("", None), ("nothing", "nothing"), ("~x", "~x"),
        ("17", 17), ("017", 17), ("0o17", 15), ("0x1F", 31), ("-3", -3), ("+3", 3), ("-0", 0),
        ("1_000", "1_000"),
        ("0b1", "0b1"), ("9007199254740992", 2**53), ("-9007199254740992", -(2**53)), ("0" * 5000 + "1", 1),
        ("1.10", 1.1), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0),
        ("-1.5E-2", -0.015), (".", "."), ("1.2.3", "1.2.3"),
        ("2024-01-01", "2024-01-01"), ("12:30:45", "12:30:45"), ("'5'", "5"), ('"true"', "true"),
        ("!!str 5", "5"), ("!!int 5", 5), ("!!float 5", 5.0), ("!!float 1.5", 1.5), ("!!null ''", None),
        ("!!bool true", True), ("!!seq [1]", [1]), ("!!map {a: 1}", {"a": 1}),
    ],
)  # fmt: skip
def test_a_scalar_means_what_the_core_schema_says(written: str, value: object) -> None:
    read = data(f"v: {written}\n")["v"]

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v: .nan", ["not-finite"]),
        ("v: -.INF", ["not-finite"]),
        ("v: 1e309", ["not-finite"]),
        ("v: " + "9" * 400 + ".0", ["not-finite"]),
        ("v: 9007199254740993", ["number-too-large"]),
        ("v: -" + "1" * 5000, ["number-too-large"]),
        ("v: !!int x", ["unsupported-tag"]),
        ("v: !!bool yes", ["unsupported-tag"]),
        ("v: !!binary aGk=", ["unsupported-tag"]),
        ("v: ! x", ["unsupported-tag"]),
        ("v: !!set {a}", ["unsupported-tag"]),
        ("v: !!seq {}", ["unsupported-tag"]),
        ("v: !!map []", ["unsupported-tag"]),
        ("v: !e!x 1", ["unsupported-tag"]),
        ("%TAG !e! tag:example.com,2000:\n---\nv: 1", ["unsupported-tag"]),
        ("%YAML 1.1\n%TAG ! tag:yaml.org,2002:\n---\nv: !str 1", ["unsupported-tag"]),
        ("a: 1\na: 2", ["duplicate-key"]),
        ("a: 1\n'a': 2", ["duplicate-key"]),
        ("1: a\n1.0: b\ntrue: c\n: d", ["non-string-key"] * 4),
        ("? [a]\n: b", ["non-string-key"]),
        ("? {a: b}\n: c", ["non-string-key"]),
        ("a: [{{ x }}]", ["unquoted-template"]),
        ("a: {{ x }} y", ["unquoted-template"]),
        ("- {{ x }} y", ["unquoted-template"]),
        ("a: {{ " + "x" * 80 + " }}", ["unquoted-template"]),
        ("a: *x", ["unknown-alias"]),
        ("a: &a [*a]", ["self-reference"]),
        ("a: &a {b: {c: *a}}", ["self-reference"]),
        ("a: 1\n---\nb: 2", ["multiple-documents"]),
        ("a: 1\n---\n", ["multiple-documents"]),
        ("---\n---\na: 1", ["multiple-documents"]),
        ("a: *x\nb: *y\n---\na: 1\na: 1", ["unknown-alias", "unknown-alias", "multiple-documents"]),
        ("", ["empty-document"]),
        ("\n# nothing\n", ["empty-document"]),
        ("--- \n", ["empty-document"]),
        ("a:\n\tb: 1", ["tab-indent"]),
        ("a:\n  - b\n\t- c", ["tab-indent"]),
        ("-\ta: 1\n\tb: 2", ["tab-indent"]),
        ("a: {\n\tb: 1}", ["tab-indent"]),
        ("a: [\n  1\n \t]", ["tab-indent"]),
        ("a: b: c", ["syntax-error"]),
        ("a: @b", ["syntax-error"]),
        ("a: 'b", ["syntax-error"]),
        ('a: "b\n---\nc"', ["syntax-error"]),
        ("%YAML 3.0\n---\na: 1", ["syntax-error"]),
        ("a: \x00", ["control-character"]),
        ("a: \x1b", ["control-character"]),
        ("a: \u2028b", ["control-character"]),
        ("a: \x85b", ["control-character"]),
        ("a: b\ufeff", ["control-character"]),
        ("a: \ud800", ["control-character"]),
    ],
)
def test_what_is_not_plain_data_is_an_error(text: str, expected: list[str]) -> None:
    if text.startswith("1: a"):
        text = text.replace("\n: d", "\n? \n: d")  # an empty key, as both parsers read it
    assert codes(text) == expected


def test_half_of_a_surrogate_pair_is_refused_in_an_escape() -> None:
    assert codes('a: "\\ud800"') in (["syntax-error"], ["control-character"])


def test_a_duplicate_names_both_places_and_the_first_stays() -> None:
    document = read_text("a: 1\nb: 2\na: 3\n")

    assert document.data == {"a": 1, "b": 2}
    assert document.problems[0].message == 'key "a" stands here again; the first is in line 1'
    assert document.problems[0].span == (3, 1, 3, 2)


def test_reading_goes_on_after_an_unquoted_template_with_what_was_meant() -> None:
    assert read_text("a: {{ x }}\nb: 1\n").data == {"a": "{{ x }}", "b": 1}


def test_anchors_and_aliases_stand_for_values_and_keys() -> None:
    read = data("a: &x {b: [1]}\nc: *x\nk: &k d\n*k : e\n")

    assert read == {"a": {"b": [1]}, "c": {"b": [1]}, "k": "d", "d": "e"}


def test_an_anchor_may_be_given_again() -> None:
    assert data("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_own_keys_win_over_merged_ones_and_the_earlier_source_over_the_later() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {c: 3, <<: [*x, *y]}\nw:\n  <<: *x\n  a: 9\n"
    text += "i: {<<: {k: 1}}\n"

    assert data(text)["z"] == {"a": 1, "b": 1, "c": 3}
    assert data(text)["w"] == {"a": 9, "b": 1}
    assert data(text)["i"] == {"k": 1}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert data('a: {"<<": 1}\nb: [<<]\nc: <<\n') == {"a": {"<<": 1}, "b": ["<<"], "c": "<<"}


@pytest.mark.parametrize("text", ["<<: 1", "a: {<<: [1]}", "x: &x [1]\na:\n  <<: *x", "a: {<<: [[]]}"])
def test_only_mappings_are_merged(text: str) -> None:
    assert codes(text) == ["wrong-type"]


def test_a_quoted_merge_key_beside_a_real_one_is_still_an_ordinary_key() -> None:
    assert data('x: &x {a: 1}\ny: {<<: *x, "<<": 2}\n')["y"] == {"a": 1, "<<": 2}


def test_two_merge_keys_are_a_duplicate() -> None:
    assert codes("x: &x {a: 1}\ny: {<<: *x, <<: *x}") == ["duplicate-key"]


def test_a_tab_within_a_text_is_no_indent() -> None:
    assert data("a: |\n  x\n  \ty\nb: 'x\n\ty'\n") == {"a": "x\n\ty\n", "b": "x y"}


def test_a_tab_between_a_dash_and_its_value_is_named_as_such() -> None:
    assert [d.message for d in read_text("-\ta: 1\n").problems] == ["a tab where only spaces may stand"]


def test_crlf_and_a_byte_order_mark_change_nothing() -> None:
    assert data("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n") == {"a": 1, "b": "x\ny\n"}


def test_the_parser_may_be_given() -> None:
    assert read_yaml("a: 1", Notes("a: 1"), PureParser).value == {"a": 1}


def test_an_error_without_a_place_is_reported_at_the_end() -> None:
    class Broken(PureParser):
        def get_event(self) -> None:
            raise yaml_reader.yaml.YAMLError("odd {braces}")

    notes = Notes("a: 1")
    with pytest.raises(Stop):
        read_yaml("a: 1", notes, Broken)

    assert notes.problems == [("syntax-error", "not valid YAML: odd {braces}", 4, 4, None)]
