"""What is wrong with the use of a filter or test, as far as it can be seen without its value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from leadagent_prefect.diagnostics.words import did_you_mean
from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.filters import FILTERS, TESTS
from leadagent_prefect.templates.filters.dates import formatted, span
from leadagent_prefect.templates.filters.regex import compiled
from leadagent_prefect.templates.tree import Call, Const, Node

#: Code, message, hint.
Complaint = tuple[str, str, str | None]

#: Which argument names the test that is applied to every item.
_TESTING = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}
#: Filters whose first argument is checked where it is a constant.
_CHECKED: dict[str, Callable[[str], object]] = {
    "regex_search": compiled, "regex_replace": compiled, "date": formatted, "shift": span,
}  # fmt: skip
_SAME = ("eq", "equalto", "==", "sameas")


def complaint(call: Call) -> Complaint | None:
    """Why a filter or test can't be used like this; None where it can."""
    if call.test:
        return _of_test(call.name, len(call.args), bool(call.kwargs))
    if call.name not in FILTERS:
        hint = did_you_mean(call.name, FILTERS, "filters")
        return "unknown-filter", f'there is no filter "{call.name}"', hint
    if call.name == "map":
        return _of_map(call)
    if (found := _of_arguments(call)) is not None:
        return found
    if call.name in _TESTING:
        return _of_picks(call, _TESTING[call.name])
    return _of_constant(call)


def _of_arguments(call: Call) -> Complaint | None:
    signature = _signature(call.name)
    try:
        signature.bind(None, *call.args, **dict(call.kwargs))
    except TypeError as error:
        names = list(signature.parameters)[1:]
        takes = f"it takes {', '.join(names)}" if names else "it takes no arguments"
        return "template-not-allowed", f"`{call.name}`: {error}", takes
    return None


@cache
def _signature(name: str) -> inspect.Signature:
    return inspect.signature(FILTERS[name])


def _of_test(name: str, count: int, keywords: bool) -> Complaint | None:
    if name not in TESTS:
        hint = "write x == value or, in select and its like, 'in', [value]" if name in _SAME else None
        return "unknown-test", f'there is no test "{name}"', hint or did_you_mean(name, TESTS, "tests")
    if keywords or count != (name == "in"):
        takes = "one argument: a list, a string or a mapping" if name == "in" else "no argument"
        return "template-not-allowed", f"the test `{name}` takes {takes}", None
    return None


def _of_map(call: Call) -> Complaint | None:
    if not call.args:
        keywords = {name for name, _ in call.kwargs}
        if "attribute" in keywords and keywords <= {"attribute", "default"}:
            return None
        message = "`map` takes the name of a filter, or attribute and default"
        return "template-not-allowed", message, "map('upper') or map(attribute='name')"
    name = _word(call.args[0])
    if name is None:
        return "template-not-allowed", "the filter of `map` is named by a plain string", "map('upper')"
    return complaint(Call(name, call.target, call.args[1:], call.kwargs))


def _of_picks(call: Call, position: int) -> Complaint | None:
    if len(call.args) <= position or call.kwargs:
        keywords = ", ".join(name for name, _ in call.kwargs)
        return (
            ("template-not-allowed", f"`{call.name}` takes no arguments by name: {keywords}", None)
            if keywords
            else None
        )
    name = _word(call.args[position])
    if name is None:
        return "template-not-allowed", f"the test of `{call.name}` is named by a plain string", None
    return _of_test(name, len(call.args) - position - 1, keywords=False)


def _of_constant(call: Call) -> Complaint | None:
    check = _CHECKED.get(call.name)
    value = _word(call.args[0]) if check and call.args else None
    if check is None or value is None:
        return None
    try:
        check(value)
    except EvalError as error:
        return "template-not-allowed", f"`{call.name}`: {error}", None
    return None


def _word(node: Node) -> str | None:
    value: Any = node.value if isinstance(node, Const) else None
    return value if isinstance(value, str) else None
