"""Why an expression has no value."""

from __future__ import annotations


class EvalError(Exception):
    """An expression can't be evaluated; the message reads after "in `{{ ... }}`: "."""


class Missing(EvalError):
    """A name, key or index is not there: the one failure that ``default`` and ``is defined`` catch."""
