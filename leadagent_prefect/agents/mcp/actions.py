"""What a task may ask of an MCP server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leadagent_prefect.agents.mcp import answers
from leadagent_prefect.agents.options import refuse_unknown
from leadagent_prefect.errors import AgentMisconfigured, InvalidOutput, ToolError

if TYPE_CHECKING:
    from mcp import Client

    from leadagent_prefect.agents.mcp.session import Session

#: Pages of a listing. A server that never comes to the last one must not hold a task for ever.
MAX_PAGES = 100

_FIXED: dict[str, frozenset[str]] = {
    "call_tool": frozenset({"tool", "name", "arguments"}),
    "get_prompt": frozenset({"name", "arguments"}),
    "list_prompts": frozenset(),
    "list_resources": frozenset(),
    "list_tools": frozenset(),
    "read_resource": frozenset({"uri"}),
}

Perform = Callable[["Session", dict[str, Any] | None], Awaitable[Any]]


@dataclass(frozen=True)
class Order:
    """``subject`` is for messages; ``method`` is the JSON-RPC method that carries the idempotency key."""

    subject: str
    method: str
    perform: Perform


def order_of(action: str, parameters: Mapping[str, Any], limit: int) -> Order:
    """What ``action`` asks for: a fixed action, else the tool of that name. Or `AgentMisconfigured`."""
    known = _FIXED.get(action)
    if known is None:
        return _tool(action, parameters)
    if known:
        refuse_unknown(parameters, known, f'the action "{action}"')
    elif parameters:
        given = ", ".join(sorted(parameters))
        raise AgentMisconfigured(f'the action "{action}" takes no parameters; given: {given}')
    if action == "call_tool":
        if "tool" in parameters and "name" in parameters:
            raise AgentMisconfigured('the action "call_tool" takes "tool" or "name", not both')
        key = "name" if "name" in parameters else "tool"
        return _tool(_text(parameters, key, action), _arguments(parameters, action))
    if action == "get_prompt":
        return _prompt(_text(parameters, "name", action), _arguments(parameters, action))
    if action == "read_resource":
        return _resource(_text(parameters, "uri", action))
    return _listing(action, limit)


def _tool(name: str, arguments: Mapping[str, Any]) -> Order:
    async def perform(session: Session, meta: dict[str, Any] | None) -> Any:
        # Else the SDK looks up the tool's schema after the call, and a failure there would lose the answer.
        await session.once(_list_tools_once)
        answer = await (await session.opened()).call_tool(name, dict(arguments), meta=_meta(meta))
        if answer.is_error:
            raise ToolError(answers.tool_text(answer) or "the tool failed and gave no reason")
        return answers.tool_result(answer)

    return Order(f'tool "{name}"', "tools/call", perform)


def _prompt(name: str, arguments: Mapping[str, Any]) -> Order:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}

    async def perform(session: Session, meta: dict[str, Any] | None) -> Any:
        return answers.prompt(await (await session.opened()).get_prompt(name, texts, meta=_meta(meta)))

    return Order(f'prompt "{name}"', "prompts/get", perform)


def _resource(uri: str) -> Order:
    async def perform(session: Session, meta: dict[str, Any] | None) -> Any:
        answer = await (await session.opened()).read_resource(uri, meta=_meta(meta))
        return answers.contents(answer.contents)

    return Order(f'resource "{uri}"', "resources/read", perform)


def _listing(action: str, limit: int) -> Order:
    kind = action.removeprefix("list_")

    async def perform(session: Session, meta: dict[str, Any] | None) -> Any:
        found = await _pages(getattr(await session.opened(), action), kind, limit)
        return [_LISTED[kind](item) for item in found]

    return Order(f"the list of {kind}", f"{kind}/list", perform)


async def _list_tools_once(client: Client) -> None:
    await _pages(client.list_tools, "tools", None)


async def _pages(fetch: Callable[..., Awaitable[Any]], kind: str, limit: int | None) -> list[Any]:
    """The items of all pages. A listing without end, or above ``limit`` bytes in all, is `InvalidOutput`."""
    found: list[Any] = []
    cursor, seen, size = None, set[str](), 0
    for _ in range(MAX_PAGES):
        page = await fetch(cursor=cursor)
        found += getattr(page, kind)
        if limit is not None:
            size += len(page.model_dump_json())
            if size > limit:
                raise answers.too_large(limit)
        cursor = page.next_cursor
        if cursor is None:
            return found
        if cursor in seen:
            break
        seen.add(cursor)
    raise InvalidOutput(f"the list of {kind} has no end: {len(seen)} pages, and the server names a next one")


_LISTED: dict[str, Callable[[Any], dict[str, Any]]] = {
    "tools": lambda tool: {
        "name": tool.name,
        "description": tool.description,
        "input_schema": answers.checked(tool.input_schema),
    },
    "resources": lambda resource: {
        "uri": str(resource.uri),
        "name": resource.name,
        "description": resource.description,
        "mime_type": resource.mime_type,
    },
    "prompts": lambda prompt: {
        "name": prompt.name,
        "description": prompt.description,
        "arguments": [
            {"name": argument.name, "description": argument.description, "required": bool(argument.required)}
            for argument in prompt.arguments or []
        ],
    },
}


def _meta(meta: dict[str, Any] | None) -> Any:
    """A copy: the SDK adds to what it is given."""
    return dict(meta) if meta else None


def _text(parameters: Mapping[str, Any], key: str, action: str) -> str:
    value = parameters.get(key)
    if not isinstance(value, str) or not value:
        raise AgentMisconfigured(f'the action "{action}" needs "{key}", a text; found: {value!r}')
    return value


def _arguments(parameters: Mapping[str, Any], action: str) -> Mapping[str, Any]:
    value = parameters.get("arguments")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AgentMisconfigured(
            f'the action "{action}" takes "arguments" as a mapping of names to values, '
            f"not {type(value).__name__}"
        )
    return value
