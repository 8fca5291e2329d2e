"""Limits hold before anything is built: a bomb costs no more than its text."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from leadagent_prefect.source import read_data, read_text
from leadagent_prefect.source.limits import MAX_BYTES, MAX_DEPTH, MAX_NODES


def bomb(levels: int, width: int = 10) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_an_alias_bomb_is_refused_where_it_goes_too_far_and_takes_no_memory() -> None:
    tracemalloc.start()
    document = read_text(bomb(9))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [(d.code, d.span.line) for d in document.problems if d.span] == [("too-many-nodes", 6)]
    assert document.data is None
    assert peak < 5_000_000


def test_a_bomb_of_merge_keys_is_refused_too() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: {i}" for i in range(20)) + "}"]
    lines += [
        f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(20))}, <<: [*a{n - 1}, *a{n - 1}]}}"
        for n in range(1, 9)
    ]

    assert [d.code for d in read_text("\n".join(lines)).problems] == ["too-many-nodes"]


@pytest.mark.no_cover
def test_as_many_nodes_as_allowed_are_read() -> None:
    text = "a: [" + ",".join(["1"] * (MAX_NODES - 3)) + "]"

    assert read_text(text).problems == []
    assert [d.code for d in read_text(text.replace("[", "[1,")).problems] == ["too-many-nodes"]


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_levels_are_counted(format: Any) -> None:
    inner = MAX_DEPTH - 1
    fits = '{"a": ' + "[" * inner + "]" * inner + "}"

    assert read_text(fits, format=format).problems == []
    deeper = fits.replace("[", "[[", 1)
    assert [d.code for d in read_text(deeper, format=format).problems] == ["too-deep"]


def test_a_hundred_thousand_brackets_are_no_traceback() -> None:
    assert [d.code for d in read_text("[" * 100_000).problems] == ["too-deep"]
    assert [d.code for d in read_text("[" * 100_000, format="json").problems] == ["too-deep"]
    assert [d.code for d in read_text('{"a":' * 100_000, format="json").problems] == ["too-deep"]


def test_aliases_of_aliases_count_as_levels() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 80)]

    assert [(d.code, d.span.line) for d in read_text("\n".join(lines)).problems if d.span] == [
        ("too-deep", 64)
    ]


def test_merging_keeps_the_count_of_levels() -> None:
    lines = ["a0: &a0 {k: [1]}"] + [f"a{n}: &a{n} {{k: {{<<: *a{n - 1}}}}}" for n in range(1, 80)]

    assert [d.code for d in read_text("\n".join(lines)).problems] == ["too-deep"]


@pytest.mark.parametrize("text", ["a: " + "x" * MAX_BYTES, "é" * (MAX_BYTES // 2 + 1)], ids=["ascii", "wide"])
def test_two_mebibytes_of_text_are_the_most(text: str) -> None:
    document = read_text(text)

    assert [d.code for d in document.problems] == ["too-large"]
    assert document.problems[0].span is None


def test_json_nodes_are_counted() -> None:
    text = "[" + ",".join(["1"] * MAX_NODES) + "]"

    assert [d.code for d in read_text(text, format="json").problems] == ["too-many-nodes"]


def test_the_nodes_of_a_dict_are_counted_with_what_stands_twice_in_it() -> None:
    row = [0] * 1000

    assert [d.code for d in read_data({"a": [row] * 300}).problems] == ["too-many-nodes"]
