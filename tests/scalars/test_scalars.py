"""Durations, names and counts, as numbers and as text."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError, PydanticKnownError

from leadagent_prefect.scalars import check_min_success, check_name, parse_duration, parse_timeout


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        (1.5, 1.5),
        (30, 30.0),
        ("500ms", 0.5),
        ("30s", 30.0),
        (" 5 m ", 300.0),
        ("2h", 7200.0),
        ("1.5h", 5400.0),
    ],
)
def test_a_duration_is_seconds_or_a_number_with_a_unit(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        -1,
        -0.1,
        True,
        None,
        [],
        "",
        "30",
        "1d",
        "-1s",
        "s",
        "1s2",
        float("nan"),
        float("inf"),
        10**400,
        "٣s",
        "1e3s",
        "9" * 400 + "s",
    ],
    ids=repr,
)
def test_all_else_is_none(written: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a duration") as caught:
        parse_duration(written)

    assert caught.value.type == "invalid-duration"
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("written", [0, 0.0, "0s", "0ms"])
def test_a_timeout_is_above_zero(written: object) -> None:
    with pytest.raises(PydanticCustomError, match="timeout of 0"):
        parse_timeout(written)


def test_a_timeout_is_a_duration() -> None:
    assert parse_timeout("1m") == 60.0


@pytest.mark.parametrize("name", ["a", "x" * 128, "日本語", "e\u0301", "👩\u200d💻", "a b", "{x}", "../x"])
def test_a_name_is_any_visible_text(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * 129,
        "a\nb",
        "\x00",
        "\x7f",
        "\x85",
        "a\u202eb",
        "\u200f",
        "\u2028",
        "\ud800",
        "\u200b",
        "\ufeff",
    ],
)
def test_a_name_has_one_to_128_characters_and_none_that_deceives(name: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_name(name)

    assert caught.value.type == "invalid-name"


@pytest.mark.parametrize("name", [None, 5, ["a"]])
def test_a_name_is_a_string(name: object) -> None:
    with pytest.raises(PydanticKnownError, match="valid string"):
        check_name(name)


@pytest.mark.parametrize("value", [0, 3, "0%", "80%", "99.5%", "100%", "100.0%"])
def test_a_success_is_counted_or_a_percentage(value: object) -> None:
    assert check_min_success(value) == value


@pytest.mark.parametrize("value", [-1, True, 1.5, None, "80", "101%", "100.1%", "-1%", "%"])
def test_no_other_success(value: object) -> None:
    with pytest.raises(PydanticCustomError, match="a count or a percentage"):
        check_min_success(value)
