"""Values with templates made values without."""

from __future__ import annotations

from typing import Any

from leadagent_prefect.errors import TemplateError
from leadagent_prefect.templates.evaluate import Scope, evaluate
from leadagent_prefect.templates.failures import EvalError
from leadagent_prefect.templates.parsed import Expression, template
from leadagent_prefect.templates.texts import joined, to_text
from leadagent_prefect.templates.values import detach

_SHOWN = 80


def render(value: Any, scope: Scope) -> Any:
    """The value with every ``{{ ... }}`` in its strings evaluated, keys left as they are.

    ``scope`` maps the names of the language (``inputs``, ``tasks``, ...) to plain data, or to mappings
    that are looked up key by key and raise KeyError. What comes back is plain data and shares nothing
    with the scope. Raises `TemplateError`, whose message names the expression.
    """
    try:
        return detach(_render(value, scope))
    except EvalError as error:
        raise TemplateError(str(error)) from None
    except RecursionError:
        raise TemplateError("the value is nested too deeply") from None


def _render(value: Any, scope: Scope) -> Any:
    if isinstance(value, str):
        return _string(value, scope) if "{{" in value else value
    if isinstance(value, dict):
        return {key: _render(item, scope) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_render(item, scope) for item in value]
    return value


def _string(text: str, scope: Scope) -> Any:
    read = template(text)
    if read.problems:
        raise TemplateError(f"{_quoted(text)}: {read.problems[0].message}")
    if read.whole is not None:
        return _value(read.whole, scope, whole=True)
    return joined(
        _value(part, scope, whole=False) if isinstance(part, Expression) else part for part in read.parts
    )


def _value(expression: Expression, scope: Scope, *, whole: bool) -> Any:
    try:
        value = evaluate(expression.node, scope)
        return value if whole else to_text(value)
    except EvalError as error:
        raise EvalError(f"{{{{ {_quoted(expression.source)} }}}}: {error}") from None
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        # What Python's own types refuse beyond what was foreseen.
        raise EvalError(f"{{{{ {_quoted(expression.source)} }}}}: {type(error).__name__}") from None


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
