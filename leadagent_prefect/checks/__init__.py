"""What one model can't see alone: rules over a whole draft, one function a rule, none of which stops at
its first find. Names and references are read from the text as written, so that a part that is broken
elsewhere is checked as well.
"""

from __future__ import annotations

from leadagent_prefect.checks.agents import check_agents
from leadagent_prefect.checks.branches import check_branches
from leadagent_prefect.checks.context import Context
from leadagent_prefect.checks.credentials import check_credentials
from leadagent_prefect.checks.dependencies import check_dependencies
from leadagent_prefect.checks.http import check_http_tasks
from leadagent_prefect.checks.kinds import check_kinds
from leadagent_prefect.checks.limits import check_limits
from leadagent_prefect.checks.loops import check_loops
from leadagent_prefect.checks.names import check_input_names, check_names
from leadagent_prefect.checks.places import check_places
from leadagent_prefect.checks.references import check_templates
from leadagent_prefect.checks.repeats import check_repeats
from leadagent_prefect.checks.reuse import check_reuse
from leadagent_prefect.checks.rules import check_rules
from leadagent_prefect.checks.schedule import check_schedules
from leadagent_prefect.checks.schemas import check_inputs, check_output_schemas
from leadagent_prefect.checks.sub_workflows import check_sub_workflows
from leadagent_prefect.checks.tasks import check_calls, check_retries, check_success
from leadagent_prefect.diagnostics import Diagnostic
from leadagent_prefect.draft import Draft

_RULES = (
    check_names,
    check_input_names,
    check_places,
    check_kinds,
    check_loops,
    check_repeats,
    check_sub_workflows,
    check_calls,
    check_retries,
    check_success,
    check_agents,
    check_limits,
    check_credentials,
    check_http_tasks,
    check_reuse,
    check_inputs,
    check_output_schemas,
    check_schedules,
)


def check(draft: Draft) -> list[Diagnostic]:
    """Every problem that the parts have together, errors and warnings, unsorted."""
    context = Context(draft)
    reads = check_templates(context)
    graphs = check_dependencies(context, reads)
    check_branches(context, graphs)
    check_rules(context, graphs, reads)
    for rule in _RULES:
        rule(context)
    return context.found
