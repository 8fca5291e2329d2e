"""Servers that are not ours: what comes out of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

BESIDE_PYTHON = str(Path(sys.executable).parent)
TIME = shutil.which("mcp-server-time", path=os.pathsep.join([BESIDE_PYTHON, os.environ["PATH"]]))
needs_time = pytest.mark.skipif(TIME is None, reason="needs mcp-server-time (PyPI)")


@needs_time
async def test_mcp_server_time_tells_the_time(make):
    agent = make(f"stdio:{TIME} --local-timezone Europe/Berlin")
    tools = (await agent.execute("list_tools", {})).result
    assert [tool["name"] for tool in tools] == ["get_current_time", "convert_time"]
    assert tools[0]["input_schema"]["required"] == ["timezone"]
    given = {"source_timezone": "Europe/Berlin", "time": "16:30", "target_timezone": "Asia/Kolkata"}
    named, called = await asyncio.gather(
        agent.execute("convert_time", given),
        agent.execute("call_tool", {"tool": "convert_time", "arguments": given}),
    )
    assert named.result["source"]["timezone"] == "Europe/Berlin"
    assert named.result == called.result


@pytest.fixture(params=["stdio", "streamableHttp", "sse"])
def everything(request, everything_server):
    return everything_server(request.param)


async def test_server_everything_over_every_transport(everything, make):
    agent = make(everything)
    tools, resources, prompts = [
        (await agent.execute(action, {})).result
        for action in ("list_tools", "list_resources", "list_prompts")
    ]
    assert {"echo", "get-sum"} <= {tool["name"] for tool in tools}
    assert set(resources[0]) == {"uri", "name", "description", "mime_type"}
    assert "simple-prompt" in {prompt["name"] for prompt in prompts}
    sums = await asyncio.gather(*(agent.execute("get-sum", {"a": n, "b": 1}) for n in range(10)))
    assert [f"is {n + 1}." in answer.result for n, answer in enumerate(sums)] == [True] * 10
    structured = (await agent.execute("get-structured-content", {"location": "Chicago"})).result
    assert set(structured) == {"temperature", "conditions", "humidity"}
    image = (await agent.execute("get-tiny-image", {})).result
    assert [part["type"] for part in image] == ["text", "image", "text"]
    prompt = (await agent.execute("get_prompt", {"name": "simple-prompt"})).result
    assert prompt["messages"] == [{"role": "user", "content": "This is a simple prompt without arguments."}]
    text = (await agent.execute("read_resource", {"uri": resources[0]["uri"]})).result
    assert isinstance(text, str)
