"""MCP over the stdin and stdout of a child process.

Our own in place of the SDK's, which lets stderr through to the terminal, waits for ever on a server that
talks nonsense, and leaves grandchildren alive when the server itself exits.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from leadagent_prefect.agents.mcp.endpoint import StdioServer
from leadagent_prefect.agents.mcp.lines import Lines
from leadagent_prefect.errors import AgentMisconfigured, ConnectionFailed
from leadagent_prefect.redaction import Redactor

#: Seconds the server has to exit by itself once its stdin is closed, and again after SIGTERM.
GRACE = 1.5
#: Seconds to wait for the exit status of a server that closed its stdout.
_REAP = 0.5
_POLL = 0.01
_CHUNK = 65_536
_STDERR_KEPT, _STDERR_SHOWN = 8_192, 1_000

#: What the machine had too little of; later it may have it.
_SHORT_OF = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM})

_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)
_CONTROLS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")

#: Process groups that live. Whatever ends the interpreter in good order ends them too.
_groups: set[int] = set()


class StdioWire:
    """One child and what is known of its end. ``ended`` is set when the session can't be used any more."""

    def __init__(self, server: StdioServer) -> None:
        self._server = server
        self._redact = Redactor(server.env.values()).text
        self._lines = Lines(server.limit)
        self._stderr = bytearray()
        self._status: int | None = None
        self.ended = False
        self.label = server.label

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Any]:
        """What ``mcp.Client`` takes: enters to a pair of streams; the child's whole group ends with it."""
        process = await self._spawn()
        stdin = cast("ByteSendStream", process.stdin)
        stdout, stderr = cast("ByteReceiveStream", process.stdout), cast("ByteReceiveStream", process.stderr)
        _groups.add(process.pid)
        to_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        with to_session, from_server, to_server, from_session:
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._keep_stderr, stderr)
                    group.start_soon(self._read, process, stdout, to_session)
                    group.start_soon(self._write, stdin, from_session)
                    try:
                        yield from_server, to_server
                    finally:
                        self.ended = True
                        with anyio.CancelScope(shield=True):
                            await _stop(process, stdin)
                            await stdout.aclose()
                            await stderr.aclose()
                        group.cancel_scope.cancel()
            finally:
                _groups.discard(process.pid)

    async def _spawn(self) -> Process:
        command = [self._server.command, *self._server.args]
        env = {**get_default_environment(), **self._server.env}
        try:
            # A session of its own: Ctrl-C in the terminal is the run's to handle, and the group ends as one.
            return await anyio.open_process(command, env=env, cwd=self._server.cwd, start_new_session=True)
        except OSError as exc:
            name, why = self._server.command, exc.strerror
            if exc.errno in _SHORT_OF:
                raise ConnectionFailed(f'the command "{name}" was not started: {why}') from None
            hint = "install it, or give its path"
            raise AgentMisconfigured(f'the command "{name}" can\'t be started ({why}): {hint}') from None

    async def _read(
        self,
        process: Process,
        stdout: ByteReceiveStream,
        to_session: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        # Closing this end tells the session, and every call in it, that the connection is lost.
        with to_session, suppress(*_BROKEN):
            while not self._lines.hopeless:
                try:
                    chunk = await stdout.receive(_CHUNK)
                except _BROKEN:
                    self.ended = True
                    await _until(lambda: process.returncode is not None, _REAP)
                    self._status = process.returncode
                    break
                for message in self._lines.feed(chunk):
                    await to_session.send(message)
            self.ended = True
        await _drain(stdout)

    async def _write(
        self, stdin: ByteSendStream, from_session: MemoryObjectReceiveStream[SessionMessage]
    ) -> None:
        with from_session, suppress(*_BROKEN):
            async for item in from_session:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(text.encode() + b"\n")

    async def _keep_stderr(self, stderr: ByteReceiveStream) -> None:
        with suppress(*_BROKEN):
            while True:
                self._stderr += await stderr.receive(_CHUNK)
                del self._stderr[:-_STDERR_KEPT]

    def post_mortem(self) -> str:
        """Why it ended, as far as the child told: its exit status, nonsense on stdout, its last words."""
        said = []
        if self._status is not None:
            said.append(_exit_of(self._status))
        if noise := self._shown(self._lines.noise)[:_STDERR_SHOWN]:
            said.append(f"it printed what is not MCP on its stdout: {noise}")
        if words := self._shown(self._stderr.decode("utf-8", "replace")):
            said.append(f"its stderr ends with: {words[-_STDERR_SHOWN:]}")
        return "; ".join(said)

    @property
    def talks_nonsense(self) -> bool:
        """Has it printed, and no message so far?"""
        return bool(self._lines.noise.strip())

    def _shown(self, text: str) -> str:
        return self._redact(_CONTROLS.sub("", text)).strip()


def _exit_of(status: int) -> str:
    if status >= 0:
        return f"the server exited with status {status}"
    return f"the server was ended by signal {-status} ({signal.strsignal(-status)})"


async def _drain(stdout: ByteReceiveStream) -> None:
    """A server that flushes into a pipe nobody reads would not come to its end."""
    with suppress(*_BROKEN):
        while True:
            await stdout.receive(_CHUNK)


async def _stop(process: Process, stdin: ByteSendStream) -> None:
    """Ends the child as the protocol asks for (stdin closed, then SIGTERM, then SIGKILL), and its group."""
    with suppress(*_BROKEN):
        await stdin.aclose()
    await _until(lambda: process.returncode is not None, GRACE)
    # Also after an exit in good order: what the server had started is still in the group.
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not _signal(process.pid, sign):
            break
        await _until(lambda: process.returncode is not None and not _signal(process.pid, 0), GRACE)
    # asyncio keeps the transport while anything that left the group holds a pipe; no public way closes it.
    with suppress(AttributeError, PermissionError):
        cast("Any", process)._process._transport.close()


def _signal(group: int, sign: int) -> bool:
    """Is there such a group, ours to signal? The leader's pid names it, and is free when all are gone."""
    try:
        os.killpg(group, sign)
    except (ProcessLookupError, PermissionError):
        return False
    return True


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Polls: waiting for a process in asyncio also waits for pipes that its children may hold."""
    with anyio.move_on_after(seconds):
        while not done():  # noqa: ASYNC110 - neither a pid nor a process group has an event to wait for
            await anyio.sleep(_POLL)


@atexit.register
def _end_all() -> None:
    for group in _groups:
        _signal(group, signal.SIGKILL)
