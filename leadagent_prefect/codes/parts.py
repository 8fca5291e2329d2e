"""The codes of workflows in workflows, and of tasks that run more than once."""

from __future__ import annotations

from leadagent_prefect.codes.row import Code

ROWS = (
    Code(
        "invalid-repeat",
        "A repeat that would not end, or end at once",
        "`until` is one expression that is true or false by what the last round gave: it reads `result`, or "
        "`previous`, the result of the round before. One that reads neither is the same after every round.",
    ),
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
