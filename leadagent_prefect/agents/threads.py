"""Blocking code of an agent, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


def in_thread(blocking: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """``blocking`` as a coroutine function, which runs it in a thread; what is awaitable of it is awaited.

    A thread of its own each time, and a daemon: those of asyncio's pool are few, and waited for at the end,
    which a call that never returns would hold up.
    """

    @functools.wraps(blocking)
    async def run(*args: Any, **keywords: Any) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():  # it is waited for no more
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        def work() -> None:
            result, error = None, None
            try:
                result = context.run(blocking, *args, **keywords)
            except BaseException as raised:  # noqa: BLE001  # it is raised where the call is awaited
                error = raised
            with suppress(RuntimeError):  # the loop is closed, and nobody waits
                loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=work, name=f"leadagent-{blocking.__qualname__}", daemon=True).start()
        result = await future
        return await result if inspect.isawaitable(result) else result

    return run
