"""How fast calls follow each other, and that no window of time sees more of them than is promised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadagent_prefect.resilience.pace import Rate, take


@pytest.mark.parametrize(
    ("text", "rate", "burst"),
    [("5/s", Rate(5, 1.0), 1), ("60/m", Rate(60, 60.0), 3), ("1/h", Rate(1, 3600.0), 1)],
)
def test_a_rate_is_read(text, rate, burst):
    assert Rate.of(text) == rate
    assert rate.burst == burst


def test_after_a_quiet_time_a_burst_and_then_one_after_the_other():
    rate = Rate(40, 40.0)
    due, count, wait = take(0.0, rate, 5, 100.0)
    assert (count, wait) == (2, pytest.approx(1.0))

    assert take(due, rate, 5, 100.5) == (due, 0, pytest.approx(0.5))
    assert take(due, rate, 5, 101.0)[1] == 1


def test_a_clock_that_went_back_holds_calls_up_for_a_moment_only():
    due, count, _ = take(1e9, Rate(1, 1.0), 1, 10.0)

    assert (due, count) == (1e9, 0)
    assert take(1e9, Rate(1, 1.0), 1, 10.0)[2] == 1.0


@settings(max_examples=100, deadline=None)
@given(
    calls=st.integers(1, 60),
    steps=st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 8)), min_size=1, max_size=200),
)
def test_no_window_sees_more_than_a_tenth_and_one_above_the_rate(calls, steps):
    rate, now, due, made = Rate(calls, 1.0), 1000.0, 0.0, []
    for pause, wanted in steps:
        now += pause
        due, count, wait = take(due, rate, wanted, now)
        assert (wait > 0) or count == wanted
        made += [now] * count

    for start in made:
        assert sum(start <= time < start + 1.0 for time in made) <= 1.1 * calls + 1
