"""What an MCP server answers, as plain JSON data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from leadagent_prefect.agents.payload import parse_json
from leadagent_prefect.errors import InvalidOutput


def tool_result(answer: Any) -> Any:
    """Of a ``CallToolResult``: the structured content, else the single text, else the list of contents."""
    if answer.structured_content is not None:
        return checked(answer.structured_content)
    return contents(answer.content)


def tool_text(answer: Any) -> str:
    """The texts of a ``CallToolResult``, one a line."""
    return "\n".join(part.text for part in answer.content if part.type == "text")


def contents(parts: Sequence[Any]) -> Any:
    """A single text, parsed where it is JSON; everything else as the list that came over the wire."""
    if len(parts) == 1 and isinstance(text := getattr(parts[0], "text", None), str):
        return parsed(text)
    return checked([wire_form(part) for part in parts])


def prompt(answer: Any) -> dict[str, Any]:
    """Of a ``GetPromptResult``: ``messages`` as an ai_agent takes them, so a text stands as a string."""
    messages = [
        {
            "role": message.role,
            "content": message.content.text if message.content.type == "text" else wire_form(message.content),
        }
        for message in answer.messages
    ]
    return {"description": answer.description, "messages": checked(messages)}


def parsed(text: str) -> Any:
    """The value of a JSON text, otherwise the text itself."""
    try:
        return parse_json(text, "the text")
    except InvalidOutput:
        return text


def wire_form(model: BaseModel) -> dict[str, Any]:
    """As it came, under the protocol's own names; what the server left out is left out."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def checked(value: Any) -> Any:
    """``value``, or `InvalidOutput` where it holds NaN or infinity."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise InvalidOutput("the answer holds NaN or infinity, which JSON has not") from None
    return value


def too_large(limit: int) -> InvalidOutput:
    """What an answer beyond the limit comes to."""
    return InvalidOutput(
        f"the answer is larger than {limit:,} bytes; custom_params.max_response_bytes raises the limit"
    )
