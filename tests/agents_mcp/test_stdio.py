from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from leadagent_prefect import errors

ODD = Path(__file__).parent / "servers" / "odd.py"


def odd(kind: str) -> str:
    return f"stdio:{sys.executable} {ODD} {kind}"


async def gone(alive, *pids: int) -> bool:
    """A process that was sent SIGKILL takes a moment to end."""
    for _ in range(500):
        if not any(alive(pid) for pid in pids):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_one_server_serves_all_calls_of_an_agent(stdio, make):
    agent = make(stdio)
    await agent.open()
    pids = await asyncio.gather(*(agent.execute("pid", {}) for _ in range(20)))
    assert len({answer.result["result"] for answer in pids}) == 1


async def test_a_call_after_the_end_of_the_run_starts_no_server(stdio, make):
    agent = make(stdio)
    await agent.execute("pid", {})
    await agent.close()
    with pytest.raises(errors.CallCancelled, match="has ended"):
        await agent.execute("pid", {})


async def test_closing_what_was_never_used_does_nothing(stdio, make):
    await make(stdio).close()


async def test_the_child_sees_a_clean_environment(make, workshop_parts, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    agent = make(
        transport="stdio", command=sys.executable, args=workshop_parts, env={"MINE": 1}, cwd=str(tmp_path)
    )
    environment = (await agent.execute("environment", {})).result
    assert environment["MINE"] == "1"
    # LC_CTYPE is Python's own doing in the child.
    assert set(environment) <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "MINE", "LC_CTYPE", "PWD"}
    assert (await agent.execute("folder", {})).result == {"result": str(tmp_path)}


async def test_a_command_that_is_not_there_is_named(make):
    with pytest.raises(errors.AgentMisconfigured, match='"no-such-mcp-server" can\'t be started'):
        await make("stdio:no-such-mcp-server --flag").execute("t", {})


async def test_a_file_that_is_no_program_is_named(make, tmp_path):
    script = tmp_path / "script"
    script.write_text("plainly no program")
    script.chmod(0o755)
    with pytest.raises(errors.AgentMisconfigured, match=r"script.*Exec format error"):
        await make(f"stdio:{script}").execute("t", {})


async def test_a_machine_that_is_short_of_something_is_tried_again(make):
    """The class says so: a connection that failed is."""
    agent = make(odd("banner"))
    await agent.open()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(errors.ConnectionFailed, match="was not started: Too many open files"):
            await agent.execute("t", {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_server_that_exits_at_once_fails_the_call_with_its_last_words(make):
    agent = make(odd("exits"), env={"KEY": "sk-canary-123456"})
    with pytest.raises(errors.ConnectionFailed) as caught:
        await agent.execute("t", {})
    assert "exited with status 3" in caught.value.message
    assert "no licence for ***" in caught.value.message


@pytest.mark.parametrize("kind", ["floods", "floods-one-line"])
async def test_a_program_that_prints_without_end_is_given_up(make, kind):
    with pytest.raises(errors.ConnectionFailed, match="not MCP on its stdout: la la la"):
        await make(odd(kind)).execute("t", {})


async def test_a_program_that_talks_but_not_mcp_is_no_timeout(make, calling):
    with calling(timeout=2.0), pytest.raises(errors.ConnectionFailed, match="Welcome to my server!"):
        await make(odd("babbles")).execute("t", {})


@pytest.mark.parametrize(("kind", "words"), [("silent", "warming up"), ("deaf", "deaf")])
async def test_a_program_that_says_nothing_is_a_timeout_with_its_stderr(make, calling, kind, words):
    with calling(timeout=2.0), pytest.raises(errors.AgentTimeout, match=f"opening a session.*{words}"):
        await make(odd(kind)).execute("t", {})


@pytest.mark.parametrize("kind", ["banner", "large-line", "empty-line"])
async def test_what_is_no_message_is_passed_over(make, kind):
    agent = make(odd(kind), max_response_bytes=200_000)
    assert (await agent.execute("t", {})).result == {"n": 1}


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("mismatch", errors.InvalidOutput, "'one' is not of type 'integer'"),
        ("unstructured", errors.InvalidOutput, "output schema but did not return structured content"),
        ("off-schema", errors.InvalidOutput, "validation error"),
        ("surrogate", errors.InvalidOutput, "no valid JSON-RPC"),
        ("large", errors.InvalidOutput, "larger than 200,000 bytes"),
        ("large-last", errors.InvalidOutput, "larger than 200,000 bytes"),
        ("not-a-number", errors.InvalidOutput, "NaN"),
        ("code", errors.ToolError, "tool says no"),
        ("invalid", errors.ClientError, "bad"),
        ("internal", errors.ServerError, "oh"),
    ],
)
async def test_what_is_wrong_with_an_answer_decides_on_the_class(make, kind, error, words):
    agent = make(odd(kind), max_response_bytes=200_000)
    with pytest.raises(error, match=words) as caught:
        await agent.execute("t", {})
    assert type(caught.value) is error
    assert len(await agent.execute_list()) == 1 if hasattr(agent, "execute_list") else True
    assert (await agent.execute("list_tools", {})).result[0]["name"] == "t"


async def test_a_killed_server_fails_the_calls_in_it_and_is_started_again(stdio, make):
    agent = make(stdio)
    first = (await agent.execute("pid", {})).result["result"]
    crash, beside = await asyncio.gather(
        agent.execute("crash", {}), agent.execute("slow", {"seconds": 60}), return_exceptions=True
    )
    assert type(crash) is errors.ConnectionFailed
    assert type(beside) is errors.ConnectionFailed
    assert "ended by signal 9 (Killed)" in crash.message
    assert "about to die" in crash.message
    assert (await agent.execute("pid", {})).result["result"] != first


async def test_a_server_that_died_between_two_calls_is_started_again(stdio, make, alive):
    agent = make(stdio)
    first = (await agent.execute("pid", {})).result["result"]
    os.kill(first, signal.SIGTERM)
    assert await gone(alive, first)
    with suppress(errors.ConnectionFailed):  # where the end of its stdout was not read yet
        await agent.execute("pid", {})
    assert (await agent.execute("pid", {})).result["result"] != first


async def test_the_whole_group_ends_with_the_session(stdio, make, alive):
    agent = make(stdio)
    server = (await agent.execute("pid", {})).result["result"]
    child = (await agent.execute("grandchild", {})).result["result"]
    assert alive(server)
    assert alive(child)
    await agent.close()
    assert not alive(server)
    assert await gone(alive, child)


async def test_a_grandchild_of_a_server_that_exits_by_itself_ends_too(stdio, make, alive):
    agent = make(stdio)
    child = (await agent.execute("grandchild", {})).result["result"]
    with pytest.raises(errors.ConnectionFailed):
        await agent.execute("leave", {"status": 4})
    await agent.close()
    assert await gone(alive, child)


async def test_a_process_that_left_the_group_does_not_hold_up_the_end(stdio, make, alive):
    agent = make(stdio)
    child = (await agent.execute("grandchild", {"detached": True})).result["result"]
    await agent.close()
    assert alive(child)
    os.kill(child, signal.SIGKILL)


async def test_a_server_that_will_not_go_is_made_to(make, alive):
    agent = make(f"stdio:{sys.executable} {ODD.with_name('stubborn.py')}")
    server = int((await agent.execute("t", {})).result)
    await agent.close()
    assert not alive(server)


async def test_a_cancelled_close_still_ends_the_server(stdio, make, alive):
    agent = make(stdio)
    server = (await agent.execute("pid", {})).result["result"]
    closing = asyncio.ensure_future(agent.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert not alive(server)


def test_a_loop_that_ends_takes_the_server_with_it(stdio, make_agent, alive):
    """No close: the run was torn down."""

    async def run() -> int:
        return int((await make_agent(stdio).execute("pid", {})).result["result"])

    server = asyncio.run(run())
    assert not alive(server)


def test_servers_serve_loops_in_other_threads(stdio, make_agent, alive):
    pids: list[int] = []

    async def run() -> None:
        agent = make_agent(stdio)
        await agent.open()
        pids.append((await agent.execute("pid", {})).result["result"])
        await agent.close()

    threads = [threading.Thread(target=lambda: asyncio.run(run())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 2
    assert not any(alive(pid) for pid in pids)


async def test_agents_close_in_any_order(stdio, workshop, make):
    agents = [make(stdio), make(workshop), make(stdio)]
    await asyncio.gather(*(agent.execute("add", {"a": 1, "b": 2}) for agent in agents))
    await agents[0].close()
    await agents[2].execute("add", {"a": 1, "b": 2})
    await agents[1].close()
    await agents[2].close()


def test_an_interpreter_that_ends_takes_the_server_with_it(stdio, alive, run_python):
    """A loop that is neither closed nor run to its end: the last resort."""
    out = run_python(f"""
import asyncio
from leadagent_prefect.agents.mcp_server import MCPServerAgent
from leadagent_prefect.models import AgentConfig
agent = MCPServerAgent(AgentConfig(name="m", type="mcp_server", endpoint={stdio!r}))
loop = asyncio.new_event_loop()
print(loop.run_until_complete(agent.execute("pid", {{}})).result["result"], flush=True)
""")
    pid = re.search(r"^\d+$", out, re.MULTILINE)
    assert pid
    assert not alive(int(pid[0]))
