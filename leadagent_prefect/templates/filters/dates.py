"""``date(format)`` and ``shift('-7d')`` over ISO 8601 text, such as ``run.started_at``.

The names of months and days are English, whatever the machine's locale.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.filters.arguments import text

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?"
)
_SHIFT = re.compile(r"([+-]?)((?:\d{1,9}[smhdw])+)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda d: f"{d.year:04}", "y": lambda d: f"{d.year % 100:02}",
    "m": lambda d: f"{d.month:02}", "d": lambda d: f"{d.day:02}", "e": lambda d: f"{d.day:2}",
    "j": lambda d: f"{d.timetuple().tm_yday:03}",
    "H": lambda d: f"{d.hour:02}", "I": lambda d: f"{(d.hour + 11) % 12 + 1:02}",
    "p": lambda d: "AM" if d.hour < 12 else "PM",
    "M": lambda d: f"{d.minute:02}", "S": lambda d: f"{d.second:02}", "f": lambda d: f"{d.microsecond:06}",
    "B": lambda d: _MONTHS[d.month - 1], "b": lambda d: _MONTHS[d.month - 1][:3],
    "A": lambda d: _DAYS[d.weekday()], "a": lambda d: _DAYS[d.weekday()][:3],
    "u": lambda d: str(d.isoweekday()), "w": lambda d: str(d.isoweekday() % 7),
    "G": lambda d: f"{d.isocalendar()[0]:04}", "V": lambda d: f"{d.isocalendar()[1]:02}",
    "z": lambda d: _offset(d).replace(":", ""),
    "Z": lambda d: "UTC" if _offset(d) == "+00:00" else _offset(d),
    "s": lambda d: str(int((d if d.tzinfo else d.replace(tzinfo=timezone.utc)).timestamp())),
    "F": lambda d: f"{d.year:04}-{d.month:02}-{d.day:02}",
    "T": lambda d: f"{d.hour:02}:{d.minute:02}:{d.second:02}",
    "%": lambda d: "%",
}  # fmt: skip


def _offset(moment: datetime) -> str:
    return "" if moment.tzinfo is None else moment.isoformat()[-6:]


def formatted(pattern: str) -> list[str | Callable[[datetime], str]]:
    """The parts of a format such as ``%Y-%m-%d``. Raises `EvalError` for a directive that is none."""
    parts: list[str | Callable[[datetime], str]] = []
    for literal, directive in re.findall(r"([^%]+)|%(.?)", pattern, re.DOTALL):
        if literal:
            parts.append(literal)
        elif directive in _DIRECTIVES:
            parts.append(_DIRECTIVES[directive])
        else:
            known = " ".join(f"%{name}" for name in _DIRECTIVES)
            raise EvalError(f'"%{directive}" is no part of a date format; there is {known}')
    return parts


def date(value: Any, format: Any) -> str:  # the argument's name in the language
    """A date or time as text: ``date('%Y-%m-%d')``."""
    moment, _ = _moment(value)
    return "".join(part if isinstance(part, str) else part(moment) for part in formatted(text(format)))


def shift(value: Any, by: Any) -> str:
    """The moment so much later or, with ``-``, earlier, in the form it came in: ``shift('-1d12h')``."""
    moment, day = _moment(value)
    delta = span(text(by))
    try:
        moved = moment + delta
    except OverflowError:
        raise EvalError("the date would be out of range") from None
    if day and delta % timedelta(days=1) == timedelta(0):
        return moved.date().isoformat()
    shifted = moved.isoformat()
    return shifted.replace("+00:00", "Z") if text(value)[-1] in "Zz" else shifted


def span(value: str) -> timedelta:
    """The length of ``-7d``, ``12h``, ``1w2d``; units s, m, h, d, w. Raises `EvalError`."""
    match = _SHIFT.fullmatch(value.strip())
    if match is None:
        raise EvalError("a shift is a number with s, m, h, d or w, such as '-7d' or '1d12h'")
    seconds = sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[smhdw]", match[2]))
    try:
        return timedelta(seconds=-seconds if match[1] == "-" else seconds)
    except OverflowError:
        raise EvalError("the shift is too long") from None


def _moment(value: Any) -> tuple[datetime, bool]:
    """The moment of an ISO 8601 text, and whether it is a day without a time."""
    match = _ISO.fullmatch(text(value).strip())
    if match is None:
        raise EvalError("it takes a date or time in ISO 8601, such as 2026-03-01 or 2026-03-01T09:30:00Z")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int(f"{fraction or 0:0<6}"[:6]), _zone(zone),
        )  # fmt: skip
    except ValueError as error:
        raise EvalError(f"there is no such date: {error}") from None
    return moment, hour is None


def _zone(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[3:].lstrip(":") or 0)
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
