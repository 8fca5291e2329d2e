"""What one model cannot see alone; one function a rule."""

from __future__ import annotations

from leadagent_prefect.diagnostics import Diagnostic
from leadagent_prefect.draft import Draft


def check(draft: Draft) -> list[Diagnostic]:
    """Every problem between the parts of a workflow."""
    return []
