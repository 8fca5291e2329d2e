"""``leadagent run``, on the real Prefect."""

from __future__ import annotations

import re

import pytest

from leadagent_prefect.cli.result_text import render_result
from leadagent_prefect.results import Compensation, WorkflowResult

pytestmark = pytest.mark.usefixtures("prefect_api")


def steady(text: str) -> str:
    """With times replaced by T, and a run's address by URL."""
    return re.sub(r"http\S+/runs/flow-run/\S+", "URL", re.sub(r"\d+\.\d+s", "Ts", text))


def test_a_completed_run_prints_its_results_on_stdout_and_its_progress_on_stderr(leadagent, workflow):
    done = leadagent("run", workflow())
    assert done.code == 0
    assert steady(done.out) == (
        "Workflow completed with status: completed\n"
        "Completed tasks: 2/2\n"
        "Execution time: Ts\n"
        "\n"
        "Results:\n"
        "  first: {'topic': 'solar', 'count': 1}\n"
        "  second: {}\n"
    )
    assert steady(done.err).splitlines() == [
        "first: started",
        "first: completed in Ts",
        "second: started",
        "second: completed in Ts",
        "Prefect UI: URL",
    ]


def test_a_failed_run_prints_its_errors_after_its_results(leadagent, workflow):
    done = leadagent("run", workflow("fail"), "--quiet")
    assert done.code == 1
    assert steady(done.out) == (
        "Workflow completed with status: failed\n"
        "Completed tasks: 1/2\n"
        "Execution time: Ts\n"
        "\n"
        "Results:\n"
        "  first: {'topic': 'solar', 'count': 1}\n"
        "\n"
        "Errors:\n"
        "  second: it broke\n"
    )
    assert done.err == ""


def test_json_is_one_object_with_what_the_run_came_to(leadagent, workflow):
    done = leadagent("run", workflow("fail"), "--json")
    assert done.code == 1
    result = done.json
    counts = {"total_tasks", "completed_tasks", "failed_tasks", "skipped_tasks"}
    words = {
        "status",
        "results",
        "errors",
        "outputs",
        "tasks",
        "compensated",
        "execution_time",
        "flow_run_id",
    }
    assert set(result) == counts | words
    assert result["tasks"]["second"] == {
        "status": "failed",
        "attempts": 1,
        "duration": result["tasks"]["second"]["duration"],
        "error": "it broke",
        "error_class": "tool_error",
    }


def test_inputs_come_from_a_file_and_from_options_which_win(leadagent, workflow, folder):
    (folder / "inputs.yaml").write_text("topic: wind\ncount: 2\n")
    done = leadagent("run", workflow(), "--quiet", "--json", "--inputs", "inputs.yaml", "-i", "topic=2024")
    assert done.json["results"]["first"] == {"topic": "2024", "count": 2}


def test_an_unknown_input_is_named_with_the_nearest_one(leadagent, workflow):
    done = leadagent("run", workflow(), "-i", "topik=x")
    assert (done.code, done.out) == (2, "")
    assert done.err == 'error: input "topik" is not known: did you mean "topic"? inputs: "count"\n'


def test_an_input_of_the_wrong_type_stops_the_run_before_it_starts(leadagent, workflow):
    done = leadagent("run", workflow(), "-i", "count=many")
    assert (done.code, done.out) == (2, "")
    assert "'many' is not of type 'integer'" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1, 2]", "inputs are a mapping of names to values"), ("a: [", "error[syntax-error]")],
)
def test_a_file_of_inputs_that_is_none_is_bad_input(leadagent, workflow, folder, text, said):
    (folder / "inputs.yaml").write_text(text)
    done = leadagent("run", workflow(), "--inputs", "inputs.yaml")
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_broken_workflow_does_not_run(leadagent, workflow):
    done = leadagent("run", workflow(more="typo: 1\n"))
    assert (done.code, done.out) == (2, "")
    assert "error[unknown-key]" in done.err


def test_results_and_errors_cannot_steer_the_terminal(leadagent, workflow):
    done = leadagent("run", workflow("fail", r'{error: "\e[31mred\nand more\x07"}'))
    assert done.out.endswith("Errors:\n  second: \\x1b[31mred and more\\x07\n")
    assert "\x1b" not in done.out + done.err


def test_a_long_result_is_cut(leadagent, workflow):
    done = leadagent("run", workflow("echo", f"{{give: {'x' * 5000}}}"), "--quiet")
    assert done.out.endswith("xxx... (5,002 characters, all of them with --json)\n")


def test_retries_are_told(leadagent, workflow):
    retries = "    retry_config: {max_attempts: 2, initial_delay: 1ms, retry_on: [any], jitter: false}\n"
    done = leadagent("run", workflow("fail", more=retries))
    assert "second: attempt 1 failed (tool_error): it broke; again in 0.0s\n" in done.err


def test_warnings_of_the_file_are_shown_unless_quiet(leadagent, workflow):
    path = workflow(more="    retry_config: {max_attempts: 500, retry_on: [timeout]}\n")
    assert "warning[" in leadagent("run", path).err
    assert leadagent("run", path, "--quiet").err == ""


def test_an_api_that_is_not_there_is_exit_code_3(leadagent, workflow, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    done = leadagent("run", workflow())
    assert (done.code, done.out) == (3, "")
    assert "can't be reached" in done.err


def test_a_process_of_its_own_prints_the_same_and_nothing_of_prefect(finished, workflow):
    workflow("fail")
    done = finished("run", "flow.yaml")
    assert done.code == 1
    assert steady(done.out).startswith("Workflow completed with status: failed\n")
    assert steady(done.err).splitlines()[-2:] == [
        "second: failed in Ts (tool_error): it broke",
        "Prefect UI: URL",
    ]
    assert len(done.err.splitlines()) == 5


def test_without_the_cache_every_call_is_made(leadagent, workflow):
    file = workflow(more="    cache: {ttl: 1h}\n")
    runs = [leadagent("run", file, "--json", *option).json for option in ((), (), ("--no-cache",))]
    assert [run["tasks"]["second"]["attempts"] for run in runs] == [1, 0, 1]


def test_what_was_undone_is_printed_at_the_end():
    result = WorkflowResult(
        status="failed",
        compensated=[
            Compensation(task="b", key="3", status="failed", error="no\x1b"),
            Compensation(task="a", status="completed"),
        ],
    )
    assert render_result(result).endswith("\nErrors:\n\nUndone:\n  b[3]: failed: no\\x1b\n  a: completed\n")
