"""Schedules: one kind of time each, in a known time zone, with values for the inputs."""

from __future__ import annotations

import re

from leadagent_prefect.checks.context import Context
from leadagent_prefect.checks.schemas import mismatch
from leadagent_prefect.diagnostics import did_you_mean, quote
from leadagent_prefect.models import ScheduleConfig
from leadagent_prefect.source import Path

_KINDS = ("cron", "interval", "rrule")
_NAMED = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FREQUENCY = re.compile(r"\bFREQ=(YEARLY|MONTHLY|WEEKLY|DAILY|HOURLY|MINUTELY)", re.IGNORECASE)
#: Name, lowest and highest number, words that may stand for numbers from the lowest on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
    ("second", 0, 59, ()),
)
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?(?:#[1-5L])?", re.ASCII)


def check_schedules(context: Context) -> None:
    """Every schedule of the workflow."""
    settings = context.draft.settings
    listed = isinstance(context.data.get("schedule"), list)
    for index, schedule in enumerate(settings.schedule if settings else ()):
        path: Path = ("schedule", index) if listed else ("schedule",)
        _check_kind(context, schedule, path)
        if schedule.timezone is not None and "{{" not in schedule.timezone:
            _check_timezone(context, schedule.timezone, (*path, "timezone"))
        _check_inputs(context, schedule, path)


def _check_kind(context: Context, schedule: ScheduleConfig, path: Path) -> None:
    given = [kind for kind in _KINDS if getattr(schedule, kind) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        message = f"a schedule has one of cron, interval and rrule, this one has {found}"
        place = (*path, given[1]) if given else path
        context.say("invalid-schedule", message, place, hint='such as: cron: "0 9 * * 1-5"', key=bool(given))
        return
    cron, rrule = schedule.cron, schedule.rrule
    if cron is not None and "{{" not in cron and (reason := wrong_cron(cron)) is not None:
        hint = "minute hour day month weekday, such as 0 9 * * 1-5 (at 9:00 from Monday to Friday)"
        context.say(
            "invalid-schedule", f"{quote(cron)} is no cron expression: {reason}", (*path, "cron"), hint=hint
        )
    if rrule is not None and not re.search(
        r"(?i)\bFREQ=(YEARLY|MONTHLY|WEEKLY|DAILY|HOURLY|MINUTELY)", rrule
    ):
        message = f"{quote(rrule)} is no recurrence rule (RFC 5545)"
        context.say("invalid-schedule", message, (*path, "rrule"), hint="such as FREQ=WEEKLY;BYDAY=MO,WE")


def wrong_cron(cron: str) -> str | None:
    """Why a cron expression is none; None where it has the form of one."""
    if cron.lower() in _NAMED:
        return None
    fields = cron.split()
    if len(fields) not in (5, 6):
        return f"it has {len(fields)} fields, expected 5, or 6 with seconds at the end"
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=False):
        for item in text.split(","):
            if not _is_item(item.lower(), low, high, words, name):
                return f"{quote(item)} is no {name}"
    return None


def _is_item(item: str, low: int, high: int, words: tuple[str, ...], name: str) -> bool:
    if item in ("?", "l") and name.startswith("day"):
        return True
    match = _ITEM.fullmatch(item)
    if match is None or (match["step"] is not None and int(match["step"][:9]) == 0):
        return False
    ends = [match["first"], match["last"]]
    if ends[0] == "*":
        return ends[1] is None
    numbers = [_number(end, low, words) for end in ends if end is not None]
    return all(low <= number <= high for number in numbers)


def _number(text: str, low: int, words: tuple[str, ...]) -> int:
    if text in words:
        return low + words.index(text)
    return int(text[:9]) if text.isdecimal() else -1


def _check_timezone(context: Context, name: str, path: Path) -> None:
    import difflib
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        near = difflib.get_close_matches(name, sorted(zoneinfo.available_timezones()), n=1)
        hint = f"did you mean {quote(near[0])}?" if near else "such as Europe/Berlin or UTC"
        context.say("unknown-timezone", f"there is no time zone {quote(name)}", path, hint=hint)


def _check_inputs(context: Context, schedule: ScheduleConfig, path: Path) -> None:
    inputs = context.draft.settings.inputs if context.draft.settings else {}
    for name, value in schedule.inputs.items():
        place = (*path, "inputs", name)
        if name not in inputs:
            message = f"the schedule gives input {quote(name)}, which is not defined"
            if not context.draft.is_broken("inputs"):
                context.say("unknown-input", message, place, hint=did_you_mean(name, inputs), key=True)
        elif (reason := mismatch(inputs[name], value)) is not None:
            message = f"the schedule's value for input {quote(name)} does not fit: {reason}"
            context.say("invalid-default", message, place)
    for name, config in inputs.items():
        if config.required and name not in schedule.inputs and not context.draft.is_broken("inputs", name):
            message = f"input {quote(name)} is required, and the schedule gives it no value"
            hint = f"add inputs: {{{name}: ...}} to the schedule, or a default to the input"
            context.say("missing-input", message, path, hint=hint)
