"""The OpenAI-compatible form: ``/chat/completions`` and ``/embeddings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from leadagent_prefect.agents.ai_prompt import Asked
from leadagent_prefect.agents.ai_reply import pick, usage_of
from leadagent_prefect.agents.urls import Address
from leadagent_prefect.errors import AgentMisconfigured, InvalidOutput

if TYPE_CHECKING:
    import httpx

_PATHS = {"chat": "/chat/completions", "embedding": "/embeddings"}


class OpenAI:
    """Bodies, addresses and replies as OpenAI defines them and most other providers copy them."""

    headers: ClassVar[dict[str, str]] = {}

    def url(self, address: Address, kind: str) -> httpx.URL:
        """The address itself where it is a full URL; of the other kind, its sibling; else below the base."""
        path = address.url.path.rstrip("/")
        if path.endswith("/messages"):
            raise AgentMisconfigured(
                "this endpoint speaks Anthropic's form: give custom_params: {provider: anthropic}"
            )
        for known in _PATHS.values():
            if path.endswith(known):
                return address.with_path(path.removesuffix(known) + _PATHS[kind])
        return address.join(_PATHS[kind])

    def body(self, asked: Asked) -> dict[str, Any]:
        if asked.kind == "embedding":
            return asked.options
        system = [{"role": "system", "content": asked.system}] if asked.system is not None else []
        return {**asked.options, "messages": [*system, *asked.messages]}

    def result(self, kind: str, raw: Any) -> dict[str, Any]:
        """``raw`` as SPEC's result; `InvalidOutput` where it is no such reply."""
        return _embedding(raw) if kind == "embedding" else _chat(raw)


def _chat(raw: Any) -> dict[str, Any]:
    choice = pick(raw, dict, "choices", 0)
    message = pick(choice, dict, "message")
    content, refusal = _text(message.get("content")), message.get("refusal")
    # A refusal comes with the finish reason "stop" and a text of its own.
    refused = isinstance(refusal, str) and bool(refusal) and not content
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise InvalidOutput("reply.choices[0].message.tool_calls is no list")
    return {
        "content": refusal if refused else content,
        "role": message.get("role") or "assistant",
        "model": raw.get("model"),
        "finish_reason": "refusal" if refused else choice.get("finish_reason"),
        "usage": _usage(raw),
        "tool_calls": calls,
    }


def _embedding(raw: Any) -> dict[str, Any]:
    entries = pick(raw, list, "data")
    vectors = [pick(raw, list, "data", at, "embedding") for at in range(len(entries))]
    order = [entry.get("index") for entry in entries]
    if sorted(o for o in order if type(o) is int) == list(range(len(entries))):
        vectors = [vector for _, vector in sorted(zip(order, vectors, strict=True), key=lambda pair: pair[0])]
    return {"embeddings": vectors, "model": raw.get("model"), "usage": _usage(raw)}


def _usage(raw: Any) -> dict[str, int | None]:
    usage = raw.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return usage_of(usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens"))


def _text(content: Any) -> str | None:
    """The content; some servers send it in parts."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        ]
        return "".join(parts)
    raise InvalidOutput(f"reply.choices[0].message.content is a {type(content).__name__}, expected text")
