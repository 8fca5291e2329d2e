from __future__ import annotations

from leadagent_prefect.diagnostics import did_you_mean, quote
from leadagent_prefect.diagnostics.words import listing


def test_the_nearest_name_comes_before_the_sorted_list() -> None:
    assert did_you_mean("fecth", ["store", "fetch"]) == 'did you mean "fetch"? defined: "store"'
    assert did_you_mean("fecth", ["fetch"]) == 'did you mean "fetch"? defined: "fetch"'


def test_a_name_like_none_gets_the_list_alone() -> None:
    assert did_you_mean("zzz", ["store", "fetch"], "allowed") == 'allowed: "fetch", "store"'


def test_without_names_it_says_none() -> None:
    assert did_you_mean("a", [], "inputs") == "inputs: none"


def test_case_does_not_count() -> None:
    assert did_you_mean("FETCH", ["fetch"]).startswith('did you mean "fetch"?')


def test_the_one_name_that_begins_so_is_meant() -> None:
    assert did_you_mean("continue", ["continue_on_failure", "stop"]).startswith(
        'did you mean "continue_on_failure"?'
    )


def test_a_long_list_is_cut_after_twelve() -> None:
    assert listing(f"n{i:02}" for i in range(15)).endswith('"n11" and 3 more')


def test_among_thousands_only_names_that_begin_or_end_alike_are_compared() -> None:
    names = [f"task_{i}" for i in range(5000)] + ["summarise"]

    assert did_you_mean("summarize", names).startswith('did you mean "summarise"?')
    assert did_you_mean("zzzzzzzzz", names).startswith('defined: "summarise", "task_0"')


def test_quoted_text_is_escaped_and_cut() -> None:
    assert quote('a"b\x1b') == '"a\\"b\\x1b"'
    assert quote("x" * 200) == '"' + "x" * 79 + '…"'
