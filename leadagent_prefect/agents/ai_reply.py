"""A provider's reply, read without trust: what is missing or of another form is `InvalidOutput`."""

from __future__ import annotations

from typing import Any, TypeVar

from leadagent_prefect.agents.payload import parse_json
from leadagent_prefect.errors import InvalidOutput

T = TypeVar("T")


def pick(raw: Any, kind: type[T], *path: str | int) -> T:
    """What stands at ``path`` in the reply, which must be a ``kind``."""
    value, place = raw, "reply"
    for step in path:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            raise InvalidOutput(f"{place} is missing") from None
    if not isinstance(value, kind):
        raise InvalidOutput(f"{place} is a {type(value).__name__}, expected a {kind.__name__}")
    return value


def usage_of(prompt: Any, completion: Any, total: Any = None) -> dict[str, int | None]:
    """Token counts under OpenAI's names; null where the provider did not count."""
    counts = [value if type(value) is int else None for value in (prompt, completion, total)]
    if counts[2] is None and counts[0] is not None and counts[1] is not None:
        counts[2] = counts[0] + counts[1]
    return dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), counts, strict=True))


def data_of(result: dict[str, Any]) -> Any:
    """The JSON that was asked for, out of the content; a Markdown fence around the whole of it is taken off.

    Null where the model refused or called tools instead.
    """
    content = (result["content"] or "").strip()
    if result["finish_reason"] in ("refusal", "content_filter") or (result["tool_calls"] and not content):
        return None
    if content.startswith("```") and content.endswith("```"):
        content = content[3:-3].removeprefix("json")
    try:
        return parse_json(content, "asked was JSON, but the content")
    except InvalidOutput as exc:
        if result["finish_reason"] == "length":
            raise InvalidOutput(f"{exc.message}; it was cut off at the limit of tokens") from None
        raise
