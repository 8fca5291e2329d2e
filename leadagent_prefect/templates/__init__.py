"""Templates: ``{{ expressions }}`` of Jinja2 in strings, over plain data and nothing else (SPEC section 4).

Jinja2 parses, an allow-list of our own admits, and an interpreter of our own evaluates: no Python is
compiled and no Python object is touched, so there is nothing for a hostile file or answer to reach.
Jinja2 is imported only for an expression that is more than a dotted name.
"""

from __future__ import annotations

from typing import Any

from leadagent_prefect.templates.parsed import template
from leadagent_prefect.templates.problem import TemplateProblem as TemplateProblem
from leadagent_prefect.templates.reference import Reference as Reference
from leadagent_prefect.templates.reference import references as references


def has_template(text: str) -> bool:
    """Whether a string holds an expression, a broken one too."""
    return "{{" in text


def problems(text: str) -> list[TemplateProblem]:
    """What is wrong with the templates of a string, in the order of the text."""
    return list(template(text).problems) if has_template(text) else []


def whole_expression(text: str) -> bool:
    """Whether a string is one expression, white space around it allowed, whose value keeps its type."""
    return has_template(text) and template(text).whole is not None


def render(value: Any, scope: Any) -> Any:
    from leadagent_prefect.templates.rendering import render as evaluate

    return evaluate(value, scope)
