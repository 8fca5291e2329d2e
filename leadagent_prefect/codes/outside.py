"""The codes of what a workflow may not hold that comes from outside."""

from __future__ import annotations

from leadagent_prefect.codes.row import Code

ROWS = (
    Code(
        "not-allowed-over-http",
        "Something that a workflow from outside may not hold",
        "Whoever may send workflows to the REST API server is not to reach the machine that runs them: its "
        "files, processes, variables and networks. What an operator can allow (agent types, secrets with the "
        "origins they go to, MCP servers on stdio) stands in the server's config file.",
    ),
)
