"""The scripts of examples/, run as a newcomer runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from outside import uncounted

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(prefect_api):
    """That of the tests, without the credentials of whoever runs them."""
    return {name: value for name, value in uncounted().items() if not name.startswith("OPENAI_")}


@pytest.fixture
def script(environment):
    """Runs a script of examples/ from the project's root."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, f"examples/{name}", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_quickstart_completes_with_the_result_of_every_task(script):
    done = script("quickstart/run.py")
    assert done.returncode == 0, done.stderr
    status, tasks, time, *rest = done.stdout.splitlines()
    assert status == "Workflow completed with status: completed"
    assert tasks == "Completed tasks: 4/4"
    assert time.startswith("Execution time: ")
    shown = "\n".join(rest)
    for name in ("fetch_articles", "summarize", "measure", "publish"):
        assert f"\n  {name}: " in shown
    assert "A village of 900 people now makes more electricity on its roofs than it uses." in shown
    assert "not-a-real-key" not in done.stdout + done.stderr


def test_the_quickstart_passes_its_arguments_on(script):
    done = script("quickstart/run.py", "--json", "-i", "topic=wind")
    assert done.returncode == 0, done.stderr
    assert '"Wind farms filled the gap of a cloudy week."' in done.stdout


def test_with_a_key_the_quickstart_calls_the_real_service(script, environment, services):
    environment |= {"OPENAI_API_KEY": "sk-of-the-user", "OPENAI_BASE_URL": f"{services.url}/v1"}
    before = len(services.requests)
    done = script("quickstart/run.py")
    assert done.returncode == 0, done.stderr
    assert services.requests[before:] == [("POST", "/v1/chat/completions")]
    assert "sk-of-the-user" not in done.stdout + done.stderr


def processes_with(marker: str) -> list[str]:
    """The command lines of all processes whose environment holds ``marker``."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and marker.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it ended in between, or is another user's
            continue
    return found


def test_ctrl_c_ends_the_quickstart_with_all_its_processes(environment, tmp_path):
    # Of the environment the MCP server is given little more than PATH.
    environment["PATH"] = os.pathsep.join([environment["PATH"], str(tmp_path)])
    process = subprocess.Popen(
        [sys.executable, "examples/quickstart/run.py"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while process.stderr.readline() != "measure: started\n":  # the call to the MCP server
            assert process.poll() is None
        assert processes_with(str(tmp_path))
        os.killpg(process.pid, signal.SIGINT)
        process.communicate()
    finally:
        process.kill()
    assert process.returncode == 130
    assert processes_with(str(tmp_path)) == []


def test_the_simple_demo_publishes_a_digest(script):
    done = script("simple_demo.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Status: completed\nPublished at: /digests/1\n"


def test_the_demo_shows_every_strategy(script):
    done = script("demo.py")
    assert done.returncode == 0, done.stderr
    headings = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert headings == [
        "one task after the other: completed, 4/4 tasks",
        "three sources at the same time: completed, 4/4 tasks",
        "services that fail now and then: completed, 3/3 tasks",
        "the first failure ends the run: failed, 1/3 tasks",
        "what can go on goes on: failed, 3/6 tasks",
        "three of five are enough: completed, 3/5 tasks",
        "what is found says what runs: completed, 3/6 tasks",
        "a task for each item: completed, 2/2 tasks",
        "what was done is undone: failed, 2/3 tasks",
    ]
    assert "  fails_twice: completed after 3 attempts" in done.stdout


def test_observers_see_retries_and_measure_tasks(script):
    done = script("observer.py")
    assert done.returncode == 0, done.stderr
    assert "Task fails_twice is tried again: attempt 2 ended in server_error" in done.stdout
    assert "Task fails_twice completed successfully" in done.stdout
    assert done.stdout.endswith("Status: completed\nMeasured: fails_once, fails_twice, is_not_there\n")


def test_an_agent_may_be_registered_in_the_process(script):
    done = script("custom_agent/run.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "completed {'count': {'item': 'apples', 'count': 12}}\n"


def test_the_services_say_when_their_ports_are_taken(services, environment, examples_here):
    # In this copy the default ports are those of the running services.
    text = (examples_here / "examples" / "servers.py").read_text()
    port, tools_port = services.url.rpartition(":")[2], services.tools_url[7:-4].rpartition(":")[2]
    taken = examples_here / "examples" / "taken.py"
    taken.write_text(
        text.replace("PORT, TOOLS_PORT = 8750, 8751", f"PORT, TOOLS_PORT = {port}, {tools_port}")
    )
    done = subprocess.run(
        [sys.executable, taken], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"ports {port} and {tools_port} of 127.0.0.1 are needed" in done.stderr
