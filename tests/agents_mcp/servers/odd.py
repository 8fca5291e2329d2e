"""A child that is no proper MCP server: ``odd.py KIND``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def write(message: Any) -> None:
    print(message if isinstance(message, str) else json.dumps(message), flush=True)


def answers(reply: Any) -> None:
    """A server of before 2026 with the tool ``t``; ``reply`` makes the line that answers its call."""
    for line in sys.stdin:
        message = json.loads(line)
        method, result = message.get("method"), None
        if method == "initialize":
            info = {"name": "odd", "version": "1"}
            capabilities: dict[str, Any] = {"tools": {}}
            result = {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info}
        elif method == "tools/list":
            schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
            result = {"tools": [{"name": "t", "inputSchema": {"type": "object"}, "outputSchema": schema}]}
        elif method == "tools/call":
            write(reply(message))
            continue
        if result is not None:
            write({"jsonrpc": "2.0", "id": message["id"], "result": result})
        elif "id" in message:
            write(
                {
                    "jsonrpc": "2.0",
                    "id": message["id"],
                    "error": {"code": -32601, "message": "no such method"},
                }
            )


def result(message: dict[str, Any], structured: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "t"}]
    return {
        "jsonrpc": "2.0",
        "id": message["id"],
        "result": {"content": content, "structuredContent": structured},
    }


def reply(message: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": message["id"], **rest}


def last(message: dict[str, Any], structured: Any) -> dict[str, Any]:
    """The same with its id at the end, as the TypeScript SDK writes it."""
    whole = result(message, structured)
    return {"result": whole["result"], "jsonrpc": "2.0", "id": message["id"]}


def main(kind: str) -> None:
    if kind == "exits":
        print("no \x1b[31mlicence\x1b[0m for sk-canary-123456", file=sys.stderr)
        sys.exit(3)
    if kind == "babbles":
        print("Welcome to my server!", flush=True)
        sys.stdin.read()
    if kind == "floods":
        while True:
            write("la la la " * 1000)
    if kind == "floods-one-line":
        while True:
            sys.stdout.write("la la la " * 1000)
    if kind == "silent":
        print("warming up", file=sys.stderr, flush=True)
        sys.stdin.read()
    if kind == "deaf":
        print("deaf", file=sys.stderr, flush=True)
        time.sleep(600)
    if kind == "banner":
        write("Welcome to my server!")
        answers(lambda message: result(message, {"n": 1}))
    replies: dict[str, Any] = {
        "mismatch": lambda message: result(message, {"n": "one"}),
        "unstructured": lambda message: reply(message, result={"content": [{"type": "text", "text": "t"}]}),
        "off-schema": lambda message: reply(message, result={"content": "no list"}),
        "surrogate": lambda message: json.dumps(result(message, {"n": 1, "s": "@"})).replace("@", "\\ud800"),
        "large": lambda message: result(message, {"n": 1, "s": "x" * 300_000}),
        "large-last": lambda message: last(message, {"n": 1, "s": "x" * 300_000}),
        "large-line": lambda message: "#" * 300_000 + "\n" + json.dumps(result(message, {"n": 1})),
        "not-a-number": lambda message: result(message, {"n": 1, "s": float("nan")}),
        "code": lambda message: reply(message, error={"code": 17, "message": "tool says no"}),
        "invalid": lambda message: reply(message, error={"code": -32602, "message": "bad"}),
        "internal": lambda message: reply(message, error={"code": -32603, "message": "oh"}),
        "empty-line": lambda message: "\n" + json.dumps(result(message, {"n": 1})),
    }
    answers(replies[kind])


if __name__ == "__main__":
    main(sys.argv[1])
