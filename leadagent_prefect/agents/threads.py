"""Blocking code, in threads that nobody waits for at the end: Python can't end one."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


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


def leave_threads_behind() -> None:
    """The running loop, when it is closed, no longer waits for what it has handed to threads: names that are
    looked up and not resolved, and whatever else is behind `asyncio.to_thread` and was given up.
    """
    asyncio.get_running_loop().set_default_executor(_Threads())


class _Threads(ThreadPoolExecutor):
    """A thread of its own, a daemon, for each call: those of a pool are waited for, by the process too."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as raised:  # noqa: BLE001  # it is raised where the call is awaited
                future.set_exception(raised)
            else:
                future.set_result(result)

        future.set_running_or_notify_cancel()
        threading.Thread(target=work, name="leadagent-call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing: what still runs is left behind."""
