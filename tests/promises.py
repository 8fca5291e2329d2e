"""Every promise of the original README, and the test that shows it kept.

A promise is ``(id, text, tests)``: each test as ``file::function``, below tests/, or ``file::function[case]``
for one of the files of tests/cases/err. One that waits for a
surface which is not built yet has `later` with that surface's name instead, and no test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """``waits_for`` is empty for what is promised now."""

    id: str
    text: str
    tests: tuple[str, ...] = ()
    waits_for: str = ""


def kept(id: str, text: str, *tests: str) -> Promise:
    return Promise(id, text, tests)


def later(id: str, text: str, waits_for: str) -> Promise:
    return Promise(id, text, waits_for=waits_for)


SNIPPETS = "promises/test_snippets.py"
WORKFLOWS = "examples/test_workflows.py"
SCRIPTS = "examples/test_scripts.py"
BREAKERS = "engine/test_breakers.py"
RUNS = "engine/test_runs.py"
STOPS = "engine/test_stops.py"
REGISTRY = "agents/test_registry.py"
HTTP = "agents/test_http_api.py"
REST = "api/test_original.py"
BROKEN = "cases/test_cases.py::test_a_broken_file_is_reported_with_the_words_beside_it"
AI = "agents/test_ai_openai.py"

PROMISES = (
    # --- key features -----------------------------------------------------------------------------
    kept(
        "orchestration",
        "Seamless communication with AI agents, MCP servers, and HTTP APIs",
        f"{SCRIPTS}::test_the_quickstart_completes_with_the_result_of_every_task",
        f"{WORKFLOWS}::test_simple_workflow_hands_data_from_task_to_task",
    ),
    kept(
        "configuration-driven",
        "YAML/JSON-based workflow and task definitions",
        "loader/test_loader.py::test_a_path_a_text_and_a_dict_give_the_same_workflow",
        "cases/test_cases.py::test_a_valid_file_loads",
    ),
    kept(
        "reliability-retry",
        "Retry patterns",
        f"{RUNS}::test_retries_are_those_of_prefect_and_shown_as_such",
    ),
    kept(
        "reliability-timeout",
        "Timeout patterns",
        f"{STOPS}::test_a_timeout_ends_one_attempt_and_is_tried_again",
        f"{STOPS}::test_a_global_timeout_cancels_what_runs_and_skips_the_rest",
    ),
    kept(
        "reliability-breaker",
        "Circuit breaker patterns",
        f"{BREAKERS}::test_failures_open_it_for_runs_that_come_later_too",
        "chaos/test_breaker.py::test_an_open_circuit_lets_one_probe_through_over_all_processes",
    ),
    kept(
        "parallel-and-sequential",
        "Flexible execution strategies",
        "engine/test_oracle.py::test_random_workflows_end_as_the_reference_says",
        f"{RUNS}::test_a_thousand_independent_tasks_run_in_parallel",
    ),
    kept(
        "partial-failure",
        "Continue execution despite individual task failures",
        f"{WORKFLOWS}::test_continue_on_failure_runs_what_does_not_depend_on_it",
        f"{WORKFLOWS}::test_partial_completion_is_completed_when_enough_tasks_are",
    ),
    kept(
        "monitoring",
        "Real-time workflow and task status tracking",
        f"{RUNS}::test_observers_of_every_form_see_every_event_in_order",
        f"{RUNS}::test_prefect_knows_the_tasks_by_name_with_their_arrows",
    ),
    kept(
        "coverage",
        "100% Test Coverage",
        f"{SNIPPETS}::test_the_coverage_of_the_package_is_held_at_a_hundred_percent",
    ),
    kept("plugins", "Plugin-based agent system", f"{REGISTRY}::test_an_entry_point_is_a_type"),
    # --- patterns -----------------------------------------------------------------------------------
    kept(
        "pattern-strategy",
        "BaseAgent interface with specific implementations",
        f"{REGISTRY}::test_a_built_in_type_is_made_of_its_configuration",
    ),
    kept(
        "pattern-factory",
        "AgentFactory class with type registration",
        f"{REGISTRY}::test_the_factory_is_where_the_original_had_it",
        f"{REGISTRY}::test_a_class_may_be_registered_under_a_name_of_its_own_and_in_place_of_a_built_in",
    ),
    kept("pattern-command", "TaskConfig models", f"{SNIPPETS}::test_a_task_takes_the_promised_keys"),
    kept(
        "pattern-observer",
        "Event-driven workflow state notifications",
        f"{RUNS}::test_observers_of_every_form_see_every_event_in_order",
    ),
    kept(
        "pattern-state-machine",
        "Manage workflow and task state transitions",
        f"{RUNS}::test_retries_are_those_of_prefect_and_shown_as_such",
        f"{RUNS}::test_partial_completion_has_a_state_of_its_own",
    ),
    kept(
        "pattern-circuit-breaker",
        "CLOSED, OPEN, HALF_OPEN; threshold and recovery timeout",
        "resilience/test_breaker.py::test_it_moves_as_the_reference_does",
        f"{BREAKERS}::test_an_open_circuit_has_a_state_of_its_own_and_is_tried_again_where_that_is_wanted",
    ),
    kept(
        "pattern-retry",
        "Configurable attempts, jitter, max delay",
        f"{SNIPPETS}::test_retries_take_the_promised_keys",
        f"{RUNS}::test_a_retry_after_beyond_max_delay_ends_the_task_and_says_so",
    ),
    kept(
        "pattern-chain",
        "Task dependency resolution and execution ordering",
        "engine/test_oracle.py::test_random_workflows_end_as_the_reference_says",
    ),
    kept(
        "pattern-builder",
        "Step-by-step configuration validation and building",
        "loader/test_loader.py::test_a_bad_file_raises_with_all_its_problems_in_order",
    ),
    kept(
        "pattern-adapter",
        "Common AgentResponse format across different APIs",
        f"{AI}::test_a_chat_completion_has_the_documented_result",
        f"{HTTP}::test_the_result_is_json_by_content_type_and_text_otherwise",
        "agents_mcp/test_actions.py::test_a_result_is_the_structured_content_or_the_single_text_or_the_contents",
    ),
    kept(
        "pattern-orchestrator",
        "Central coordination of multiple agents",
        f"{WORKFLOWS}::test_simple_workflow_hands_data_from_task_to_task",
    ),
    kept(
        "pattern-scatter-gather",
        "Distribute tasks to multiple agents and collect results",
        f"{WORKFLOWS}::test_parallel_workflow_combines_the_results_of_its_sources",
    ),
    kept(
        "pattern-saga-partial",
        "Partial completion",
        f"{RUNS}::test_partial_completion_has_a_state_of_its_own",
    ),
    kept(
        "pattern-saga-rollback",
        "Rollback capabilities across agents",
        "engine/test_undo.py::test_a_failed_run_undoes_what_has_completed_newest_first",
    ),
    # --- installation -------------------------------------------------------------------------------
    kept(
        "verify-installation",
        'python -c "from lead_agent import LeadAgent"',
        f"{SNIPPETS}::test_the_installation_is_verified_as_promised",
    ),
    kept(
        "requirements",
        "pip install -e . and pip install -r requirements.txt",
        "project/test_versions.py::test_requirements_txt_installs_the_package_with_the_constraints",
        "project/test_packaging.py::test_the_command_and_every_entry_point_exist",
    ),
    later("install-from-index", "pip install lead-agent", "publication"),
    # --- command line -------------------------------------------------------------------------------
    kept(
        "cli-run",
        "python -m lead_agent.lead_agent examples/simple_workflow.yaml, and main() by asyncio.run",
        f"{SNIPPETS}::test_the_command_line_prints_what_was_promised",
    ),
    kept(
        "cli-output",
        "Status, completed tasks, execution time, results",
        f"{SNIPPETS}::test_the_command_line_prints_what_was_promised",
    ),
    # --- Python -------------------------------------------------------------------------------------
    kept(
        "python-file-and-dict",
        "execute_workflow_from_file, execute_workflow_from_dict; status, results, errors",
        f"{SNIPPETS}::test_files_and_dicts_run_from_python",
    ),
    kept(
        "python-first-workflow",
        "my_workflow.yaml, executed from Python",
        f"{SNIPPETS}::test_the_first_workflow_runs_from_python",
    ),
    # --- demos --------------------------------------------------------------------------------------
    kept("demo", "python examples/demo.py", f"{SCRIPTS}::test_the_demo_shows_every_strategy"),
    kept(
        "simple-demo", "python examples/simple_demo.py", f"{SCRIPTS}::test_the_simple_demo_publishes_a_digest"
    ),
    # --- configuration reference --------------------------------------------------------------------
    kept(
        "keys-of-a-workflow",
        "name, description, version, parallel_execution, failure_strategy, global_timeout",
        f"{SNIPPETS}::test_a_workflow_takes_the_promised_keys",
    ),
    kept(
        "keys-of-an-agent",
        "name, type, endpoint, timeout, authentication, retry_config, custom_params",
        f"{SNIPPETS}::test_an_agent_takes_the_promised_keys",
    ),
    kept(
        "authentication",
        "bearer, api_key, basic",
        "agents/test_auth.py::test_each_form_becomes_its_header",
        "agents/test_auth.py::test_the_header_reaches_the_service",
    ),
    kept(
        "user-agent",
        "custom_params: user_agent",
        f"{HTTP}::test_headers_of_the_task_go_over_those_of_the_agent",
        f"{HTTP}::test_without_a_user_agent_leadagent_names_itself",
    ),
    kept(
        "keys-of-a-task",
        "description, agent_name, action, parameters, timeout, depends_on, continue_on_failure, retry_config",
        f"{SNIPPETS}::test_a_task_takes_the_promised_keys",
    ),
    kept(
        "continue-on-failure-of-a-task",
        "Continue workflow if this task fails",
        f"{RUNS}::test_a_tolerated_failure_lets_its_dependents_run_with_null",
    ),
    kept(
        "keys-of-a-breaker",
        "circuit_breaker: failure_threshold, recovery_timeout",
        f"{SNIPPETS}::test_a_circuit_breaker_takes_the_promised_keys",
    ),
    # --- REST API -----------------------------------------------------------------------------------
    kept(
        "rest-server",
        "python -m lead_agent.api.server, --host --port --config --debug --reload --workers",
        "api/test_server.py::test_the_module_is_the_command",
        "api/test_server.py::test_more_processes_and_reloading_are_uvicorns",
        "api/test_parts.py::test_options_go_over_the_environment_and_that_over_the_file",
    ),
    kept("rest-health", "GET /api/v1/health and GET /", f"{REST}::test_health_and_what_is_here"),
    kept(
        "rest-create",
        "POST /api/v1/workflows",
        f"{REST}::test_a_workflow_is_created_and_queued_and_its_run_completes",
    ),
    kept(
        "rest-list",
        "GET /api/v1/workflows, by page and status",
        f"{REST}::test_runs_are_listed_newest_first_by_page_and_status",
    ),
    kept("rest-details", "GET /api/v1/workflows/{id}", f"{REST}::test_a_run_that_fails_says_why"),
    kept(
        "rest-status",
        "GET /api/v1/workflows/{id}/status with progress and current task",
        f"{REST}::test_the_status_tells_progress_and_the_task_under_way",
    ),
    kept(
        "rest-cancel",
        "DELETE /api/v1/workflows/{id}",
        f"{REST}::test_a_cancelled_run_reads_as_cancelled_and_cancelling_twice_is_once",
    ),
    kept("rest-agent-test", "POST /api/v1/agents/test", f"{REST}::test_an_agent_is_tested_by_one_call"),
    kept(
        "rest-codes",
        "200, 400, 404, 422, 500",
        "api/test_gate.py::test_a_problem_tells_what_and_where_and_no_traceback",
        "api/test_gate.py::test_an_id_that_is_none_is_404",
        "api/test_server.py::test_a_bug_is_a_500_without_its_traceback_and_prefect_away_a_503",
    ),
    kept(
        "rest-status-values",
        "queued, running, completed, failed, cancelled",
        f"{REST}::test_the_status_tells_progress_and_the_task_under_way",
        f"{REST}::test_a_cancelled_run_reads_as_cancelled_and_cancelling_twice_is_once",
        f"{REST}::test_a_run_that_fails_says_why",
    ),
    kept("rest-docs", "/docs and /redoc", f"{REST}::test_the_pages_of_the_api_need_no_other_server"),
    kept(
        "rest-security",
        "Authentication and rate limiting support",
        "api/test_gate.py::test_without_a_key_nothing_is_told_but_that_one_is_needed",
        "api/test_gate.py::test_too_many_requests_are_told_when_to_come_again",
    ),
    kept(
        "rest-curl",
        "The curl commands answer with the fields that are shown",
        "api/test_curl.py::test_a_run_is_made_followed_and_listed",
        "api/test_curl.py::test_an_agent_is_tested",
    ),
    kept(
        "postman",
        "Lead_Agent_API.postman_collection.json, with baseUrl, for all endpoints",
        "api/test_postman.py::test_newman_runs_it_from_top_to_bottom",
        "api/test_postman.py::test_every_endpoint_is_in_it_under_names_of_their_own",
        "api/test_postman.py::test_it_has_the_variables_that_are_promised_and_a_test_in_every_request",
    ),
    later("docker", "docker build, docker run", "Docker"),
    # --- advanced features --------------------------------------------------------------------------
    kept(
        "parallel-snippet",
        "Two sources at the same time, combined by an AI agent",
        f"{SNIPPETS}::test_the_parallel_snippet_combines_its_sources",
    ),
    kept(
        "stop-on-first-failure",
        "Workflow stops immediately when any task fails",
        f"{WORKFLOWS}::test_stop_on_first_failure_starts_nothing_more",
        f"{STOPS}::test_a_first_failure_cancels_what_runs_beside_it",
    ),
    kept(
        "continue-on-failure",
        "Independent tasks continue executing despite failures",
        f"{WORKFLOWS}::test_continue_on_failure_runs_what_does_not_depend_on_it",
    ),
    kept(
        "partial-completion",
        "Workflow succeeds if at least one task completes successfully",
        f"{RUNS}::test_partial_completion_has_a_state_of_its_own",
        f"{WORKFLOWS}::test_partial_completion_is_completed_when_enough_tasks_are",
    ),
    kept(
        "breaker-snippet",
        "Open after 3 consecutive failures, try again after 30 seconds",
        f"{SNIPPETS}::test_a_circuit_breaker_takes_the_promised_keys",
        "resilience/test_breaker.py::test_failures_in_a_row_open_it",
    ),
    kept(
        "backoff",
        "Retry with exponential backoff, capped, with jitter",
        f"{SNIPPETS}::test_retries_take_the_promised_keys",
        f"{WORKFLOWS}::test_retries_are_made_as_each_task_says",
    ),
    # --- monitoring ---------------------------------------------------------------------------------
    later("structured-logging", "structlog with contextual information", "structured logs"),
    kept("event-tracking", "WorkflowMonitor(Observer)", f"{SNIPPETS}::test_a_monitor_is_told_of_tasks"),
    kept(
        "metrics-of-tasks",
        "Workflow execution time, task success and failure, response times, retry counts",
        f"{RUNS}::test_observers_of_every_form_see_every_event_in_order",
        f"{SCRIPTS}::test_observers_see_retries_and_measure_tasks",
    ),
    kept(
        "metrics-of-breakers",
        "Circuit breaker state changes",
        f"{BREAKERS}::test_an_open_circuit_has_a_state_of_its_own_and_is_tried_again_where_that_is_wanted",
    ),
    # --- extending ----------------------------------------------------------------------------------
    kept(
        "custom-agent",
        "CustomAgent(BaseAgent), registered for AgentType.CUSTOM, used by type: custom",
        f"{SNIPPETS}::test_a_custom_agent_serves_its_type",
        f"{SNIPPETS}::test_an_error_that_a_custom_agent_returns_fails_its_task",
    ),
    kept(
        "custom-observer",
        "MetricsCollector(Observer)",
        f"{SNIPPETS}::test_a_metrics_collector_measures_tasks",
    ),
    # --- performance --------------------------------------------------------------------------------
    kept(
        "connection-pooling",
        "Reuse HTTP connections for multiple requests; one session of an MCP server serves all calls",
        "promises/test_prose.py::test_the_calls_of_an_agent_share_a_connection",
        "agents_mcp/test_stdio.py::test_one_server_serves_all_calls_of_an_agent",
    ),
    # --- troubleshooting ----------------------------------------------------------------------------
    kept(
        "undefined-agent",
        "Task 'process_data' references undefined agent 'missing_agent'",
        f"{BROKEN}[unknown-agent]",
    ),
    kept(
        "circular-dependency",
        "Circular dependency detected in tasks",
        f"{BROKEN}[dependency-cycle]",
    ),
    kept(
        "request-timeout",
        "Request timeout",
        "agents/test_http_failures.py::test_no_answer_within_the_timeout_is_a_timeout",
    ),
    kept(
        "debug-mode",
        "Detailed output for troubleshooting",
        "cli/test_main.py::test_a_mistake_of_our_own_is_one_line_and_a_traceback_with_debug",
    ),
    kept(
        "breaker-open",
        "Circuit breaker is open",
        f"{BREAKERS}::test_failures_open_it_for_runs_that_come_later_too",
    ),
)
