"""The filters of templates: functions from plain data to plain data, by the names of Jinja2.

Each takes the value and its arguments, and raises `EvalError` for what it does not take. One that can
make its value larger measures first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadagent_prefect.templates.filters import codecs, dates, lists, numbers, order, picks, regex, text
from leadagent_prefect.templates.filters.tests import TESTS as TESTS


def _default(value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    """What is left of ``default`` once its value is there; `evaluate` catches what is missing."""
    return default_value if boolean and not value else value


FILTERS: dict[str, Callable[..., Any]] = {
    "default": _default,
    "length": lists.length, "first": lists.first, "last": lists.last, "join": lists.join,
    "list": lists.list_, "batch": lists.batch, "flatten": lists.flatten, "items": lists.items,
    "lower": text.lower, "upper": text.upper, "trim": text.trim, "replace": text.replace,
    "truncate": text.truncate, "split": text.split, "string": text.string,
    "round": numbers.round_, "int": numbers.int_, "float": numbers.float_,
    "unique": order.unique, "sort": order.sort, "sum": order.sum_, "min": order.min_, "max": order.max_,
    "groupby": order.groupby,
    "select": picks.select, "reject": picks.reject,
    "selectattr": picks.selectattr, "rejectattr": picks.rejectattr,
    "tojson": codecs.tojson, "fromjson": codecs.fromjson,
    "urlencode": codecs.urlencode, "b64encode": codecs.b64encode,
    "regex_search": regex.regex_search, "regex_replace": regex.regex_replace,
    "date": dates.date, "shift": dates.shift,
}  # fmt: skip
FILTERS["map"] = picks.mapping(FILTERS)
