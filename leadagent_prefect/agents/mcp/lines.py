"""What a stdio server writes on its stdout: one JSON-RPC message a line, or noise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter

#: Bytes of noise before the first message after which a server is given up.
HOPELESS = 262_144

_KEPT = 500
# Where serializers put the id of an answer: right after the version, or last.
_ID_FIRST = re.compile(rb'^\{"jsonrpc": ?"2\.0", ?"id": ?(\d{1,18})[,}]')
_ID_LAST = re.compile(rb'"id": ?(\d{1,18})\}$')


class Lines:
    """Cuts chunks into messages. A line above ``limit`` bytes is dropped as it comes, never held whole.

    An answer that is too large or can't be read is replaced by an error with its id where that can be
    seen, so that its caller hears of it at once and the others do not suffer.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = bytearray()
        self._scanned = 0
        self._dropped = 0
        self._head = b""
        self._noise = bytearray()
        self._noisy = 0
        self._spoke = False

    @property
    def hopeless(self) -> bool:
        """Has so much come that no message will?"""
        return not self._spoke and self._noisy + self._dropped > HOPELESS

    @property
    def noise(self) -> str:
        """The begin of what was no message, where no message ever came."""
        if self._spoke:
            return ""
        return bytes(self._noise or self._head or self._line[:_KEPT]).decode("utf-8", "replace")

    def feed(self, chunk: bytes) -> Iterator[SessionMessage]:
        """The messages that ``chunk`` completes."""
        self._line += chunk
        while (end := self._line.find(b"\n", self._scanned)) >= 0:
            line = bytes(self._line[:end])
            del self._line[: end + 1]
            self._scanned = 0
            if message := self._message(line):
                self._spoke = True
                yield message
        self._scanned = len(self._line)
        if self._scanned > self._limit:
            self._drop()

    def _drop(self) -> None:
        self._head = self._head or bytes(self._line[:_KEPT])
        keep = min(_KEPT, len(self._line))
        self._dropped += len(self._line) - keep
        del self._line[:-keep]
        self._scanned = len(self._line)

    def _message(self, line: bytes) -> SessionMessage | None:
        head, dropped, self._head, self._dropped = self._head or line, self._dropped, b"", 0
        if dropped or len(line) > self._limit:
            self._noisy += dropped
            return self._in_place_of(head, line, f"the answer is larger than {self._limit:,} bytes")
        if not line.strip():
            return None
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError:
            return self._in_place_of(line, line, "the answer is no valid JSON-RPC")

    def _in_place_of(self, head: bytes, tail: bytes, reason: str) -> SessionMessage | None:
        found = _ID_FIRST.search(head) or _ID_LAST.search(tail.rstrip())
        if not found or b'"method"' in head[:_KEPT]:
            self._noisy += len(tail)
            self._noise += tail[: max(0, _KEPT - len(self._noise))] + b"\n"
            return None
        error = ErrorData(code=PARSE_ERROR, message=reason)
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=int(found[1]), error=error))
