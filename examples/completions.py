"""An OpenAI-compatible chat-completions API; its model takes the first sentence of every line.

Asked for JSON by an example (``Answer as JSON: {"fit": true, "why": "..."}``) it fills that in: a text is fit
where it is short, of ``"this|that"`` it takes the word that occurs, and a list has a part for every comma.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Characters of a text that is fit to be published.
SHORT = 120


def answer(path: str, authorization: str | None, body: Any) -> tuple[int, dict[str, Any]]:
    """Status and body, as the real API has them."""
    if path != "/v1/chat/completions":
        return 404, _error(f"unknown path {path}", "invalid_request_error")
    if not (authorization or "").startswith("Bearer "):
        return 401, _error("no API key was given", "invalid_request_error")
    if not isinstance(body, dict) or not body.get("messages"):
        return 400, _error("messages is missing", "invalid_request_error")
    question = body["messages"][-1]["content"]
    text = _reply(question)
    if body.get("response_format", {}).get("type", "text") != "text":
        text = json.dumps(_filled_in(question, text))
    return 200, {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", "stand-in"),
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": _usage(question, text),
    }


def _reply(question: str) -> str:
    """The first sentence of every line but the first, which says what to do; of a JSON request, its parts."""
    try:
        request = json.loads(question)
    except ValueError:
        lines = [line.strip("-• ") for line in question.splitlines() if line.strip()]
        if lines[-1].startswith("Feedback: "):
            return _once_more(" ".join(lines[1:-1]), lines[-1])
        return " ".join(line.split(". ")[0].rstrip(".") + "." for line in lines[1:] or lines)
    return f"{request.get('action', 'answer')} of {', '.join(request.get('results', request))}"


def _once_more(text: str, feedback: str) -> str:
    """The same, and after any feedback without its last sentence."""
    sentences = re.split(r"(?<=[.!?]) ", text)
    return text if feedback == "Feedback: none" else " ".join(sentences[:-1] or sentences)


def _filled_in(question: str, reply: str) -> Any:
    form = re.search(r"JSON: (\{.*\})$", question, re.MULTILINE)
    if form is None:
        return {"insights": reply, "confidence": 0.95}
    text = question[form.end() :].strip()
    return {name: _value(what, text, reply) for name, what in json.loads(form[1]).items()}


def _value(what: Any, text: str, reply: str) -> Any:
    short = len(text) <= SHORT
    if isinstance(what, bool):
        return short
    if isinstance(what, int):
        return 9 if short else 5
    if isinstance(what, list):
        return [part.strip() for part in re.split(r"[,\n]", text)]
    words = what.split("|")
    if len(words) > 1:
        return next((word for word in words if word in text), words[0])
    return reply if short else "make it shorter"


def _usage(question: str, text: str) -> dict[str, int]:
    asked, said = len(question.split()), len(text.split())
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": None}}
