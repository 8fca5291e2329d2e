"""What is wrong, where, and what to do: one shape for every problem, and its renderings."""

from __future__ import annotations

from leadagent_prefect.diagnostics.machine import render_github, render_json, render_sarif
from leadagent_prefect.diagnostics.record import Diagnostic, Span
from leadagent_prefect.diagnostics.text import render_text
from leadagent_prefect.diagnostics.words import did_you_mean, quote

__all__ = [
    "Diagnostic", "Span", "did_you_mean", "quote",
    "render_github", "render_json", "render_sarif", "render_text",
]  # fmt: skip
