"""The codes of workflows in workflows, and of tasks that run more than once."""

from __future__ import annotations

from leadagent_prefect.codes.row import Code

ROWS = (
    Code(
        "workflow-cycle",
        "Workflows that include each other",
        "A sub-workflow that has the file around it among its own would never end. The message has the whole "
        "path; each file includes the next. Take one of them out.",
    ),
    Code(
        "workflow-too-deep",
        "Too many workflows in one another",
        "At most 10 levels of sub-workflows below the first file. Make one workflow of some of them.",
    ),
)
