"""Services that hold their callers up or flood them, on a loop of the test's: one path for each way."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_FLOOD = b"100000\r\n" + b"0" * 0x10_0000 + b"\r\n"
#: Bytes of what stands packed in the bomb, and of the flood.
BOMB, FLOOD = 512 * 2**20, 2**30


class Hostile:
    """``asked`` counts the requests by path, ``sent`` the bytes that a path has sent."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()


def _bomb() -> bytes:
    """Half a megabyte of gzip that unpacks to `BOMB`: the same packed step over and over."""
    packer = zlib.compressobj(wbits=-15)
    step = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + step * (BOMB // 2**20) + packer.flush() + bytes(8)


async def _every(seconds: float, writer: asyncio.StreamWriter, head: bytes, part: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(seconds)


async def _healthy(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"Content-Length: 2\r\n\r\n{}")


async def _silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _drip(writer: asyncio.StreamWriter) -> None:
    await _every(0.3, writer, _HEAD + b"Content-Length: 100000\r\n\r\n", b" ")


async def _headers(writer: asyncio.StreamWriter) -> None:
    await _every(0.3, writer, _HEAD, b"X-More: 1\r\n")


async def _events(writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    await _every(0.1, writer, head, b": still here\n\n")


async def _refusal(writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\nwe are busy"
    await _every(0.3, writer, head, b".")


async def _explode(writer: asyncio.StreamWriter) -> None:
    bomb = _bomb()
    assert len(bomb) < 2**20
    writer.write(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)


async def _flood(writer: asyncio.StreamWriter, sent: Callable[[int], None]) -> None:
    writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(FLOOD // 2**20):
        writer.write(_FLOOD)
        await writer.drain()
        sent(2**20)
    writer.write(b"0\r\n\r\n")


_WAYS: dict[str, Callable[[asyncio.StreamWriter], Awaitable[None]]] = {
    "/healthy": _healthy,
    "/sleep": _silence,
    "/drip": _drip,
    "/headers": _headers,
    "/events": _events,
    "/refusal": _refusal,
    "/bomb": _explode,
}


@contextlib.asynccontextmanager
async def hostile_service() -> AsyncIterator[Hostile]:
    """The services, on a free port of loopback, until the end of the block."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await answer(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        hostile.asked[path] += 1
        if path == "/flood":
            await _flood(writer, lambda count: hostile.sent.update({path: count}))
        else:
            await _WAYS[path](writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    hostile = Hostile(server.sockets[0].getsockname()[1])
    try:
        yield hostile
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn of the loop
