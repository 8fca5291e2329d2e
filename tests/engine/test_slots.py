"""Slots of a flow run: who asks first has the next one, and none gets lost."""

from __future__ import annotations

from leadagent_prefect.engine.slots import Slots, Turn


async def test_whoever_asks_first_has_the_next_one() -> None:
    slots = Slots(1)
    first, second, third = slots.ask(), slots.ask(), slots.ask()
    assert [one.done() for one in (first, second, third)] == [True, False, False]
    slots.give_back()
    assert [second.done(), third.done()] == [True, False]


async def test_one_that_is_asked_for_in_vain_goes_to_the_next() -> None:
    slots = Slots(1)
    slots.ask()
    second, third = slots.ask(), slots.ask()
    slots.withdraw(second)
    slots.give_back()
    assert third.done()
    slots.withdraw(third)
    assert slots.ask().done()


async def test_a_turn_waits_takes_and_passes_on() -> None:
    slots = Slots(1)
    mine, other = Turn(slots), Turn(slots)
    assert mine.come()
    assert (other.come(), len(other.waiting)) == (False, 1)
    mine.take()
    slots.give_back()
    assert (other.come(), other.waiting) == (True, [])
    other.pass_on()
    other.pass_on()
    assert mine.come()
