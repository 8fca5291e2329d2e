"""What filters ask of their values and arguments: the types, and keys by a dotted path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leadagent_prefect.templates.failures import EvalError, Missing
from leadagent_prefect.templates.texts import compact
from leadagent_prefect.templates.values import BITS, kind


def text(value: object) -> str:
    """A string, or a number or boolean as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return compact(value)
    raise EvalError(f"it takes a string, this is {kind(value)}")


def sequence(value: object) -> list[Any]:
    """The items of a list, the characters of a string or the keys of a mapping."""
    if isinstance(value, (list, tuple, dict, str)):
        return list(value)
    raise EvalError(f"it takes a list, this is {kind(value)}")


def number(value: object) -> int | float:
    """A number; a boolean is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise EvalError(f"it takes a number, this is {kind(value)}")


def whole(value: object, low: int, high: int) -> int:
    """An integer argument within bounds."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    found = value if isinstance(value, int) and abs(value) < 10**12 else kind(value)
    raise EvalError(f"an argument is a whole number from {low} to {high}, not {found}")


def bounded(value: int) -> int:
    """An integer that is small enough to be computed with."""
    if value.bit_length() > BITS:
        raise EvalError("the number would be too large")
    return value


def lookup(target: object, key: object, name: Callable[[], str]) -> Any:
    """``target.key`` or ``target[key]`` in plain data; `Missing` where it is not there.

    ``name`` says what a message calls the target.
    """
    if isinstance(target, Mapping):
        try:
            return target[key]
        except KeyError as error:
            # A namespace may say more than that the key is not there: where it looked.
            told = error.args[0] if error.args and not isinstance(target, dict) else key
            raise Missing(_absent(target, key, name()) if told == key else str(told)) from None
        except TypeError:
            raise Missing(f"{name()} has no key that is {kind(key)}") from None
    if isinstance(target, (list, tuple, str)) and isinstance(key, int) and not isinstance(key, bool):
        try:
            return target[key]
        except IndexError:
            raise Missing(f"{name()} has {len(target)} items, there is no [{str(key)[:20]}]") from None
    wanted = f'"{key:.80}"' if isinstance(key, str) else f"[{kind(key)}]"
    raise Missing(f"{name()} is {kind(target)}, it has no {wanted}")


def _absent(target: Mapping[Any, Any], key: object, name: str) -> str:
    from leadagent_prefect.diagnostics.words import did_you_mean, quote

    if not isinstance(key, str):
        return f"{name} has no key that is {kind(key)}"
    found = f"{name} has no {quote(key)}"
    if not isinstance(target, dict):
        return found
    known = [name for name in target if isinstance(name, str)][:500]
    return f"{found}: {did_you_mean(key, known, 'there is')}"


def getter(attribute: object) -> Callable[[Any], Any]:
    """Reads ``a.b.0`` from each item of a list; without an attribute the item itself."""
    if attribute is None:
        return lambda item: item
    if isinstance(attribute, bool) or not isinstance(attribute, (str, int)):
        raise EvalError(f"an attribute is a name or a dotted path, not {kind(attribute)}")
    parts = attribute.split(".") if isinstance(attribute, str) else [attribute]
    keys = [int(part) if isinstance(part, str) and part.isdecimal() else part for part in parts]

    def read(item: Any) -> Any:
        for key in keys:
            item = lookup(item, key, lambda: "an item")
        return item

    return read
