"""Anthropic's messages form, ``/v1/messages``, asked and answered under OpenAI's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from leadagent_prefect.agents.ai_prompt import Asked
from leadagent_prefect.agents.ai_reply import pick, usage_of
from leadagent_prefect.agents.urls import Address
from leadagent_prefect.errors import AgentMisconfigured, InvalidOutput

if TYPE_CHECKING:
    import httpx

#: The form asks for a limit; OpenAI's does not.
MAX_TOKENS = 1024

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


class Anthropic:
    """Bodies, addresses and replies of Anthropic's messages form, version 2023-06-01."""

    headers: ClassVar[dict[str, str]] = {"anthropic-version": "2023-06-01"}

    def url(self, address: Address, kind: str) -> httpx.URL:
        """The address itself where it ends in ``/messages``, otherwise ``/v1/messages`` below it."""
        if kind == "embedding":
            raise AgentMisconfigured("Anthropic has no embeddings: use an agent of another provider for them")
        path = address.url.path.rstrip("/")
        if path.endswith("/messages"):
            return address.join("")
        return address.join("/messages" if path.endswith("/v1") else "/v1/messages")

    def body(self, asked: Asked) -> dict[str, Any]:
        """System messages move to ``system``; a JSON Schema in ``response_format`` to ``output_config``."""
        body = {"max_tokens": MAX_TOKENS, **asked.options}
        format_ = body.pop("response_format", None)
        schema = format_.get("json_schema") if isinstance(format_, Mapping) else None
        if isinstance(schema, Mapping) and "output_config" not in body:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema.get("schema", {})}}
        system = [m.get("content") for m in asked.messages if m.get("role") == "system"]
        if asked.system is not None:
            system.insert(0, asked.system)
        if system:
            body["system"] = _system(system)
        body["messages"] = [m for m in asked.messages if m.get("role") != "system"]
        return body

    def result(self, kind: str, raw: Any) -> dict[str, Any]:
        """``raw`` as SPEC's result; `InvalidOutput` where it is no such reply. ``kind`` is "chat"."""
        blocks = pick(raw, list, "content")
        texts = [pick(b, str, "text") for b in blocks if _type(b) == "text"]
        stop = raw.get("stop_reason")
        return {
            "content": "".join(texts) if texts else None,
            "role": raw.get("role") or "assistant",
            "model": raw.get("model"),
            "finish_reason": _FINISH.get(stop, stop) if isinstance(stop, str) else None,
            "usage": _usage(raw.get("usage")),
            "tool_calls": [_tool_call(b) for b in blocks if _type(b) == "tool_use"],
        }


def _system(parts: list[Any]) -> Any:
    if all(isinstance(part, str) for part in parts):
        return "\n\n".join(parts)
    blocks: list[Any] = []
    for part in parts:
        blocks += part if isinstance(part, list) else [{"type": "text", "text": str(part)}]
    return blocks


def _type(block: Any) -> str:
    if not isinstance(block, dict):
        raise InvalidOutput(f"reply.content holds a {type(block).__name__}, expected objects")
    return str(block.get("type"))


def _tool_call(block: dict[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(block.get("input", {}), ensure_ascii=False)
    return {
        "id": block.get("id"),
        "type": "function",
        "function": {"name": pick(block, str, "name"), "arguments": arguments},
    }


def _usage(usage: Any) -> dict[str, int | None]:
    """Tokens read from or written to a cache are part of the prompt, as OpenAI counts them."""
    if not isinstance(usage, dict):
        return usage_of(None, None)
    prompt = usage.get("input_tokens")
    if type(prompt) is int:
        cached = (usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens"))
        prompt += sum(n for n in cached if type(n) is int)
    return usage_of(prompt, usage.get("output_tokens"))
