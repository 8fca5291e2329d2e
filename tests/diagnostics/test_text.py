"""The text form: SPEC's own example, and lines that would break a terminal or the carets."""

from __future__ import annotations

from leadagent_prefect.diagnostics import Diagnostic, Span, render_text


def at(line: str, column: int, length: int, hint: str | None = "h", number: int = 1) -> str:
    span = Span(number, column, number, column + length)
    return render_text([Diagnostic("unknown-key", "m", span, hint=hint, filename="f.yaml", source_line=line)])


def body(text: str) -> list[str]:
    return text.splitlines()[2:]


def test_the_form_is_place_message_line_and_carets_with_the_hint_behind() -> None:
    diagnostic = Diagnostic(
        "unknown-key",
        'task "process_data" uses agent "missing_agent", which is missing',
        Span(14, 17, 14, 30),
        hint='did you mean "missing_agents"? defined: "http_agent", "openai_agent"',
        filename="flow.yaml",
    )
    source = "\n" * 13 + "    agent_name: missing_agent\n"

    assert render_text([diagnostic], source) == (
        "flow.yaml:14:17: error[unknown-key]: "
        'task "process_data" uses agent "missing_agent", which is missing\n'
        "   |\n"
        "14 |     agent_name: missing_agent\n"
        '   |                 ^^^^^^^^^^^^^ did you mean "missing_agents"? '
        'defined: "http_agent", "openai_agent"\n'
    )


def test_a_warning_has_the_same_form() -> None:
    text = render_text([Diagnostic("unknown-key", "m", severity="warning", filename="f.yaml")])

    assert text == "f.yaml: warning[unknown-key]: m\n"


def test_without_a_place_the_hint_is_a_line_of_its_own() -> None:
    assert render_text([Diagnostic("unknown-key", "m", hint="do this")]) == (
        "<string>: error[unknown-key]: m\n  do this\n"
    )


def test_a_line_the_source_does_not_have_is_left_out() -> None:
    assert render_text([Diagnostic("unknown-key", "m", Span(9, 1, 9, 2))], "one line") == (
        "<string>:9:1: error[unknown-key]: m\n"
    )


def test_carets_stand_under_tabs_and_wide_and_combining_characters() -> None:
    assert body(at("\ta: x", 5, 1)) == ["1 |     a: x", "  |        ^ h"]
    assert body(at("日本: x", 5, 1)) == ["1 | 日本: x", "  |       ^ h"]
    assert body(at("日本: x", 1, 2)) == ["1 | 日本: x", "  | ^^^^ h"]
    assert body(at("e\u0301: x", 5, 1)) == ["1 | e\u0301: x", "  |    ^ h"]


def test_no_control_or_bidirectional_character_reaches_the_terminal() -> None:
    shown = render_text(
        [
            Diagnostic(
                "unknown-key",
                "a \x1b[31m name",
                Span(1, 1, 1, 2),
                hint="not\u202e\ud800",
                filename="\x1b]0;title\x07.yaml",
                source_line="\x1b[2Jkey\x00\u2066\U000e0001: 1",
            )
        ]
    )

    assert shown == (
        "\\x1b]0;title\\x07.yaml:1:1: error[unknown-key]: a \\x1b[31m name\n"
        "  |\n"
        "1 | \\x1b[2Jkey\\x00\\u2066\\U000e0001: 1\n"
        "  | ^^^^ not\\u202e\\ud800\n"
    )


def test_a_very_long_line_is_cut_to_a_window_around_the_place() -> None:
    line = "a" * 5000 + "X" + "b" * 5000
    first, second = body(at(line, 5001, 1))

    assert len(first) < 130
    assert first.startswith("1 | …a")
    assert first.endswith("b…")
    assert first[second.index("^")] == "X"


def test_a_span_of_many_lines_is_marked_to_the_end_of_its_first() -> None:
    span = Span(1, 4, 3, 2)
    text = render_text([Diagnostic("unknown-key", "m", span, source_line="a: [1,  ")])

    assert body(text) == ["1 | a: [1,", "  |    ^^^"]


def test_an_empty_span_is_one_caret_even_behind_the_line() -> None:
    assert body(at("a:", 3, 0, hint=None)) == ["1 | a:", "  |   ^"]
    assert body(at("", 9, 5, hint=None)) == ["1 |", "  | ^"]


def test_colour_is_only_given_when_asked_for() -> None:
    diagnostic = Diagnostic("unknown-key", "m", Span(1, 1, 1, 2), source_line="a: 1")

    assert "\x1b" not in render_text([diagnostic])
    assert "\x1b[31;1merror[unknown-key]\x1b[0m" in render_text([diagnostic], color=True)


def test_diagnostics_sort_by_file_then_place_and_those_of_a_whole_file_come_first() -> None:
    a = Diagnostic("unknown-key", "a", Span(2, 1, 2, 2), filename="a")
    b = Diagnostic("unknown-key", "b", Span(10, 1, 10, 2), filename="a")
    whole = Diagnostic("unknown-key", "c", filename="a")
    other = Diagnostic("unknown-key", "d", filename="b")

    assert sorted([other, b, a, whole], key=lambda d: d.sort_key) == [whole, a, b, other]
