"""The snippets of the original README, with the names that moved; fragments get the least that they need."""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from fragments import complete

from leadagent_prefect import AgentFactory, AgentType, LeadAgent
from leadagent_prefect.loader import load
from leadagent_prefect.source import read_path

HERE = Path(__file__).parent
#: What the original prints of a run, with the figures and the results left open.
OUTPUT = re.compile(
    r"Workflow completed with status: completed\nCompleted tasks: 4/4\nExecution time: \d+\.\d\ds\n\n"
    r"Results:\n  fetch_raw_data: \{'count': 100, .*\n  process_with_ai: \{.*\n"
    r"  analyze_with_mcp: \{'correlation': .*\n"
    r"  generate_report: \{.*\}\n"
)


def fragment(name: str) -> dict:
    """The snippet ``name``.yaml as a whole workflow."""
    return complete(read_path(HERE / f"{name}.yaml").data)


@pytest.fixture
def at_home(examples_here, prefect_api, monkeypatch):
    """In a folder with examples/ in it, as if the services were where the files say."""
    monkeypatch.chdir(examples_here)
    return examples_here


@pytest.fixture
def snippet(tmp_path, relocated):
    """Runs ``name``.py, as a program or as a module, and gives its names."""

    def run(name: str, as_name: str = "__main__") -> dict:
        copy = tmp_path / f"{name}.py"
        copy.write_text(relocated((HERE / f"{name}.py").read_text()))
        return runpy.run_path(str(copy), run_name=as_name)

    return run


@pytest.mark.parametrize(
    "name", ["workflow_config", "stop_on_first_failure", "continue_on_failure", "partial_completion_allowed"]
)
def test_a_workflow_takes_the_promised_keys(name):
    workflow = load(fragment(name)).workflow
    for key, value in read_path(HERE / f"{name}.yaml").data.items():
        assert getattr(workflow, key) == value


@pytest.mark.parametrize("kind", ["bearer", "api_key", "basic"])
def test_an_agent_takes_the_promised_keys(kind):
    loaded = load(fragment(f"agent_config_{kind}"))
    [agent] = loaded.workflow.agents
    assert agent.authentication.type == kind
    assert (agent.timeout, agent.retry_config.max_attempts, agent.retry_config.jitter) == (30, 3, True)
    assert agent.custom_params == {"user_agent": "LeadAgent/1.0"}
    assert {warning.code for warning in loaded.warnings} == {"literal-credential"}


def test_a_task_takes_the_promised_keys():
    data = read_path(HERE / "task_config.yaml").data
    # A task of any agent: the parameters are made up, and an http_api would not know them.
    agents = [{"name": "agent_name", "type": "custom", "custom_params": {"class": "package.module:Name"}}]
    task = load(complete({**data, "agents": agents})).workflow.tasks[-1]
    assert (task.name, task.description, task.timeout) == ("task_name", "Task description", 30)
    assert task.parameters == {"param1": "value1", "param2": 42, "nested": {"key": "value"}}
    assert task.depends_on == ["task1", "task2"]
    assert (task.retry_config.max_attempts, task.retry_config.initial_delay) == (2, 0.5)


def test_retries_take_the_promised_keys():
    [agent] = load(fragment("retry")).workflow.agents
    assert (agent.retry_config.max_attempts, agent.retry_config.max_delay) == (5, 30.0)


def test_a_circuit_breaker_takes_the_promised_keys():
    [agent] = load(fragment("circuit_breaker")).workflow.agents
    breaker = agent.circuit_breaker
    assert (breaker.failure_threshold, breaker.recovery_timeout, breaker.half_open_max_calls) == (3, 30.0, 1)


async def test_the_parallel_snippet_combines_its_sources(at_home, relocated, services):
    data = read_path(HERE / "parallel.yaml").data
    agents = [
        {"name": "http_agent", "type": "http_api", "endpoint": f"{services.url}/data"},
        {
            "name": "ai_agent",
            "type": "ai_agent",
            "endpoint": f"{services.url}/v1",
            "authentication": {"type": "bearer", "token": "{{ secrets.OPENAI_API_KEY | default('none') }}"},
            "custom_params": {"defaults": {"model": "gpt-4"}},
        },
    ]
    result = await LeadAgent().execute_workflow_from_dict(complete({**data, "agents": agents}))
    assert result.errors == {}
    assert (
        result.results["combine_results"]["content"] == "combine of fetch_data_source_1, fetch_data_source_2"
    )


def test_the_first_workflow_runs_from_python(at_home, snippet, tmp_path, services, monkeypatch, capsys):
    text = (HERE / "my_workflow.yaml").read_text().replace("https://api.openai.com", services.url)
    (tmp_path / "my_workflow.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    snippet("my_workflow")
    assert capsys.readouterr().out.startswith(
        "Status: completed\nResults: {'generate_content': {'content': 'Generate a creative story.', "
    )


def test_files_and_dicts_run_from_python(at_home, snippet, capsys):
    names = snippet("run_workflow")
    assert names["result"].status == "completed"
    assert "✅ Workflow completed successfully!" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "leadagent_prefect.lead_agent"],
        ["-c", "\nimport asyncio\nfrom leadagent_prefect.lead_agent import main\nasyncio.run(main())\n"],
    ],
    ids=["module", "command"],
)
def test_the_command_line_prints_what_was_promised(at_home, command):
    done = subprocess.run(
        [sys.executable, *command, "examples/simple_workflow.yaml"],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"},
    )
    assert done.returncode == 0, done.stderr
    assert OUTPUT.fullmatch(done.stdout), done.stdout


def test_the_installation_is_verified_as_promised():
    code = "from leadagent_prefect import LeadAgent; print('Lead Agent installed successfully!')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("Lead Agent installed successfully!\n", "")


async def test_a_monitor_is_told_of_tasks(at_home, snippet, services, capsys):
    agent = snippet("monitor")["agent"]
    inputs = {"services": services.url}
    await agent.execute_workflow_from_file("examples/failure_strategies/stop_on_first_failure.yaml", inputs)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Task list_articles completed successfully"
    assert printed[1].startswith("Task order failed: POST ")


async def test_a_metrics_collector_measures_tasks(at_home, snippet, services):
    collector = snippet("metrics_collector")["MetricsCollector"]()
    agent = LeadAgent(observers=[collector])
    await agent.execute_workflow_from_file("examples/retries.yaml", {"services": services.url})
    assert set(collector.metrics) == {"fails_twice", "fails_once", "is_not_there"}
    assert min(collector.metrics.values()) >= 0.0


async def test_a_custom_agent_serves_its_type(at_home, snippet):
    custom = snippet("custom_agent")["CustomAgent"]

    async def custom_logic(self, action, parameters):
        await asyncio.sleep(0)
        return [action, self.config.custom_params["special_config"]]

    custom.custom_logic = custom_logic
    try:
        result = await LeadAgent().execute_workflow_from_dict(fragment("custom_agent"))
    finally:
        AgentFactory.unregister_agent_type(AgentType.CUSTOM)
    assert result.results == {"call_my_custom_agent": ["anything", "value"]}


async def test_an_error_that_a_custom_agent_returns_fails_its_task(at_home, snippet):
    snippet("custom_agent")
    try:
        result = await LeadAgent().execute_workflow_from_dict(fragment("custom_agent"))
    finally:
        AgentFactory.unregister_agent_type(AgentType.CUSTOM)
    assert result.status == "failed"
    assert "custom_logic" in result.errors["call_my_custom_agent"]


def test_the_coverage_of_the_package_is_held_at_a_hundred_percent():
    text = (HERE.parents[1] / "pyproject.toml").read_text()
    assert "fail_under = 100" in text
    assert "branch = true" in text
