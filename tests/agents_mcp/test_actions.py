from __future__ import annotations

from typing import Any

import pytest

from leadagent_prefect import errors
from leadagent_prefect.agents.mcp.actions import MAX_PAGES


@pytest.fixture
async def agent(workshop, make):
    made = make(workshop)
    await made.open()
    return made


@pytest.mark.parametrize(
    ("tool", "arguments", "result"),
    [
        ("add", {"a": 1, "b": 2}, {"result": 3}),
        ("person", {"name": "Ada"}, {"name": "Ada", "tags": ["x"]}),
        ("say", {"text": "plain"}, "plain"),
        ("say", {"text": '{"a": [1, null]}'}, {"a": [1, None]}),
        ("say", {"text": "NaN"}, "NaN"),
        ("say", {"text": "1e999"}, "1e999"),
        ("nothing", {}, []),
        (
            "picture",
            {},
            [{"type": "text", "text": "a dot"}, {"type": "image", "data": "cG5n", "mimeType": "image/png"}],
        ),
    ],
)
async def test_a_result_is_the_structured_content_or_the_single_text_or_the_contents(
    agent, tool, arguments, result
):
    answer = await agent.execute(tool, arguments)
    assert answer.success
    assert answer.result == result
    assert answer.metadata["status"] == 200
    assert answer.metadata["elapsed"] > 0


@pytest.mark.parametrize("key", ["tool", "name"])
async def test_a_tool_is_called_by_its_own_name_or_through_call_tool(agent, key):
    given = {"a": 1, "b": 2}
    assert (await agent.execute("call_tool", {key: "add", "arguments": given})).result == {"result": 3}
    assert (await agent.execute("call_tool", {key: "nothing"})).result == []


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("refuse", {"reason": "the pond is frozen"}, 'tool "refuse" of http.*: the pond is frozen'),
        ("refuse", {"reason": ""}, "the tool failed and gave no reason"),
        ("no_such_tool", {}, "Unknown tool: no_such_tool"),
        ("add", {"a": "x", "b": 1}, "valid integer"),
    ],
)
async def test_a_tools_own_error_is_told_in_its_own_words(agent, tool, arguments, words):
    with pytest.raises(errors.ToolError, match=words):
        await agent.execute(tool, arguments)


async def test_listings_are_plain_data(agent):
    tools = {tool["name"]: tool for tool in (await agent.execute("list_tools", {})).result}
    assert set(tools["add"]) == {"name", "description", "input_schema"}
    assert tools["add"]["description"] == "The sum."
    assert tools["add"]["input_schema"]["required"] == ["a", "b"]
    resources = (await agent.execute("list_resources", {})).result
    assert {"uri": "note://one", "name": "note", "description": "", "mime_type": "text/plain"} in resources
    assert (await agent.execute("list_prompts", {})).result == [
        {
            "name": "ask",
            "description": "A question.",
            "arguments": [
                {"name": "topic", "description": None, "required": True},
                {"name": "count", "description": None, "required": False},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("uri", "result"),
    [
        ("note://one", "a note"),
        ("note://json", {"a": 1}),
        ("note://blob", [{"uri": "note://blob", "mimeType": "application/octet-stream", "blob": "AAE="}]),
    ],
)
async def test_a_resource_is_its_text_or_its_contents(agent, uri, result):
    assert (await agent.execute("read_resource", {"uri": uri})).result == result


async def test_a_resource_that_is_not_there_is_the_callers_error(agent):
    with pytest.raises(
        errors.ClientError, match=r'resource "note://none" of .* answered 400: Unknown resource'
    ):
        await agent.execute("read_resource", {"uri": "note://none"})


async def test_a_prompt_gives_messages_as_an_ai_agent_takes_them(agent):
    answer = await agent.execute("get_prompt", {"name": "ask", "arguments": {"topic": "ponds", "count": 3}})
    assert answer.result == {
        "description": "A question.",
        "messages": [{"role": "user", "content": "Tell me 3 things about ponds"}],
    }


@pytest.mark.parametrize(
    ("action", "parameters", "words"),
    [
        ("call_tool", {"tol": "add"}, 'has no "tol"'),
        ("call_tool", {}, 'needs "tool", a text; found: None'),
        ("call_tool", {"tool": "a", "name": "b"}, '"tool" or "name", not both'),
        (
            "call_tool",
            {"tool": "add", "arguments": [1]},
            '"arguments" as a mapping of names to values, not list',
        ),
        ("list_tools", {"cursor": "x"}, 'the action "list_tools" takes no parameters; given: cursor'),
        ("read_resource", {"url": "note://one"}, 'has no "url"'),
        ("read_resource", {"uri": ""}, 'needs "uri", a text'),
        ("get_prompt", {"name": 3}, 'needs "name", a text; found: 3'),
    ],
)
async def test_a_fixed_action_refuses_what_it_does_not_know(agent, action, parameters, words):
    with pytest.raises(errors.AgentMisconfigured) as caught:
        await agent.execute(action, parameters)
    assert words in caught.value.message


def pages(method: str, key: str, items: list[Any], cursors: dict[str | None, str | None]) -> Any:
    """Answers ``method`` with one item a page; ``cursors`` maps a page's cursor to the next one's."""
    import json

    def answer(message: dict[str, Any], headers: dict[str, str]) -> Any:
        if message.get("method") == "server/discover":
            return (404, {}, b"")
        if message.get("method") != method:
            return None
        cursor = message.get("params", {}).get("cursor")
        result: dict[str, Any] = {key: items}
        following = cursors.get(cursor, f"{cursor}+") if cursors else f"{cursor}+"
        if following is not None:
            result["nextCursor"] = following
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        return (200, {"Content-Type": "application/json"}, body)

    return answer


PROMPT = {"name": "p"}


async def test_all_pages_of_a_listing_are_read(gate, make):
    gate.answer = pages("prompts/list", "prompts", [PROMPT], {None: "2", "2": "3", "3": None})
    found = (await make(gate.url).execute("list_prompts", {})).result
    assert found == [{"name": "p", "description": None, "arguments": []}] * 3


async def test_a_listing_that_comes_round_again_is_given_up(gate, make):
    gate.answer = pages("prompts/list", "prompts", [PROMPT], {None: "2", "2": "3", "3": "2"})
    with pytest.raises(errors.InvalidOutput, match="the list of prompts has no end"):
        await make(gate.url).execute("list_prompts", {})
    assert len(gate.messages("prompts/list")) == 3


async def test_a_listing_without_end_is_given_up(gate, make):
    gate.answer = pages("prompts/list", "prompts", [PROMPT], {})
    with pytest.raises(errors.InvalidOutput, match=f"has no end: {MAX_PAGES} pages"):
        await make(gate.url).execute("list_prompts", {})
    assert len(gate.messages("prompts/list")) == MAX_PAGES


async def test_the_pages_of_a_listing_share_the_size_limit(gate, make):
    gate.answer = pages("prompts/list", "prompts", [{"name": "p" * 6000}], {None: "2", "2": None})
    with pytest.raises(errors.InvalidOutput, match="larger than 10,000 bytes"):
        await make(gate.url, max_response_bytes=10_000).execute("list_prompts", {})


async def test_no_time_at_all_is_a_timeout(agent, calling):
    with calling(timeout=1e-9), pytest.raises(errors.AgentTimeout, match="no answer within 1e-09 s"):
        await agent.execute("add", {"a": 1, "b": 2})
