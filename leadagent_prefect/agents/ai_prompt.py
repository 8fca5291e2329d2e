"""What a task asks an AI provider for, before it is put in the provider's own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from leadagent_prefect.agents.payload import encode_json
from leadagent_prefect.errors import AgentMisconfigured

#: Parameters that are the provider's where a task has neither ``messages`` nor ``prompt``; the others are
#: what the question is about. Words that data often has as well (user, metadata, store) are not among them:
#: they go in ``custom_params.defaults``.
OPTIONS = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "model",
        "output_config",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "stop_sequences",
        "stream",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)

#: Of the defaults, which are meant for chats, an embedding takes these.
_EMBEDDING_DEFAULTS = frozenset({"model", "dimensions", "encoding_format"})


@dataclass(frozen=True)
class Asked:
    """``options`` go to the provider as they are. ``messages`` hold no ``system``; an embedding has none."""

    kind: Literal["chat", "embedding"]
    options: dict[str, Any]
    messages: list[dict[str, Any]]
    system: Any = None


def asked(
    action: str, parameters: Mapping[str, Any], defaults: Mapping[str, Any], upstream: Mapping[str, Any]
) -> Asked:
    """What a call asks for, or `AgentMisconfigured`; ``upstream`` holds results by task name."""
    given = {**defaults, **parameters}
    if given.get("stream"):
        raise AgentMisconfigured("parameters.stream: a task has one answer; streaming is not supported")
    if "messages" in given or "prompt" in given:
        return _chat(given)
    if action.lower() in ("embedding", "embeddings"):
        return _embedding({k: v for k, v in defaults.items() if k in _EMBEDDING_DEFAULTS} | dict(parameters))
    subject = {key: value for key, value in parameters.items() if key not in OPTIONS and key != "system"}
    question = {"action": action, "parameters": subject, "results": dict(upstream)}
    options = {key: value for key, value in given.items() if key not in subject}
    return _chat({**options, "prompt": encode_json(question, "the question").decode()})


def wants_json(options: Mapping[str, Any]) -> bool:
    """Do these options ask for an answer in JSON, in OpenAI's words or in Anthropic's?"""
    config = options.get("output_config")
    forms = (options.get("response_format"), config.get("format") if isinstance(config, Mapping) else None)
    return any(isinstance(f, Mapping) and f.get("type") in ("json_object", "json_schema") for f in forms)


def _chat(given: dict[str, Any]) -> Asked:
    if "messages" in given and "prompt" in given:
        raise AgentMisconfigured(
            "parameters has both messages and prompt: give the prompt as the last message"
        )
    system = given.pop("system", None)
    if system is not None and not isinstance(system, (str, list)):
        raise AgentMisconfigured(f"parameters.system must be text, not {type(system).__name__}")
    if "prompt" in given:
        return Asked("chat", given, [{"role": "user", "content": _content(given.pop("prompt"))}], system)
    messages = given.pop("messages")
    if not (isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages)):
        raise AgentMisconfigured("parameters.messages must be a list of {role, content}, with at least one")
    return Asked("chat", given, messages, system)


def _embedding(given: dict[str, Any]) -> Asked:
    if not isinstance(given.get("input"), (str, list)) or not given["input"]:
        raise AgentMisconfigured("an embedding needs parameters.input, a text or a list of texts")
    return Asked("embedding", given, [])


def _content(prompt: Any) -> Any:
    """A text or a list of content parts as it is, other data (a task's result, say) as JSON."""
    if prompt is None:
        raise AgentMisconfigured("parameters.prompt is null: there is nothing to ask")
    parts = isinstance(prompt, list) and all(isinstance(p, dict) and "type" in p for p in prompt)
    if isinstance(prompt, str) or (parts and prompt):
        return prompt
    return json.dumps(prompt, ensure_ascii=False, separators=(",", ":"))
