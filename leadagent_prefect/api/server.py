"""The server as a process: its socket, its worker, its log. ``python -m`` runs it as ``leadagent serve``."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from leadagent_prefect.api.attendant import Attendant
from leadagent_prefect.api.keys import KeyFile
from leadagent_prefect.api.line import Line
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.embedded import client_environment, ensure_api
from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from fastapi import FastAPI

#: How settings reach the processes that uvicorn starts by itself.
_HANDED_ON = "_LEADAGENT_SERVER"
#: A request waits for Prefect for some seconds; then who asks is told to come again.
_QUICK = {"PREFECT_CLIENT_MAX_RETRIES": "3", "PREFECT_API_REQUEST_TIMEOUT": "20"}


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT, and ends the worker it has started.

    Raises `ConfigurationError` for an address that others reach without API keys, or that can't be had.
    """
    _check(settings)
    with _listening(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        api = ensure_api(say)
        os.environ.update(client_environment(api))
        attendant = Attendant(settings.pool, settings.limit, say) if settings.worker else None
        with _signals_kept(attendant):
            if attendant is not None:
                attendant.start()
            try:
                host = f"[{settings.host}]" if ":" in settings.host else settings.host
                say(f"Serving on http://{host}:{settings.port} (docs at /docs), Prefect is {api.ui_url}")
                _run(settings, listener)
            finally:
                if attendant is not None:
                    attendant.stop()


def application() -> FastAPI:
    """What each process of uvicorn makes for itself."""
    settings = Settings.model_validate_json(os.environ[_HANDED_ON])
    api = ensure_api()
    os.environ.update(client_environment(api))
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUICK.items()})
    _set_up_logging(settings.debug)
    from leadagent_prefect.api.app import create_app

    return create_app(settings, api)


def _check(settings: Settings) -> None:
    if not settings.on_loopback and not settings.insecure and not KeyFile(settings.api_keys).exists:
        raise ConfigurationError(
            f"listening on {settings.host} without API keys would let everybody run workflows: make a key "
            "with `leadagent keys create NAME`, or say --insecure"
        )


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            where = f"{settings.host}, port {settings.port}"
            raise ConfigurationError(f"can't listen on {where}: {error.strerror or error}") from None
        listener.listen(2048)
        listener.set_inheritable(True)
        yield listener


def _run(settings: Settings, listener: socket.socket) -> None:
    os.environ[_HANDED_ON] = settings.model_dump_json()
    config = uvicorn.Config(
        "leadagent_prefect.api.server:application",
        factory=True,
        fd=listener.fileno(),
        http=Line,
        ws="none",
        workers=settings.workers,
        reload=settings.reload,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=16 * 1024,
    )
    server = uvicorn.Server(config)
    if config.should_reload:
        from uvicorn.supervisors import ChangeReload

        ChangeReload(config, target=server.run, sockets=[listener]).run()
    elif settings.workers > 1:
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, sockets=[listener]).run()
    else:
        server.run(sockets=[listener])


@contextmanager
def _signals_kept(attendant: Attendant | None) -> Iterator[None]:
    """uvicorn raises once more what has ended it, which must not end this process before its worker has.

    A signal while the worker drains is handed on to it.
    """
    ending = False

    def hand_on(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        if ending and attendant is not None:
            attendant.hurry()
        ending = True

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _set_up_logging(debug: bool) -> None:
    """The access log is JSON alone, a line a request, on stderr."""
    for name, form in (
        ("leadagent.api.access", "%(message)s"),
        ("leadagent.api", "%(levelname)s %(message)s"),
        ("uvicorn.error", "%(levelname)s %(message)s"),
    ):
        logger, handler = logging.getLogger(name), logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(form))
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.DEBUG if debug else logging.WARNING)


def main() -> None:
    """The same as ``leadagent serve``."""
    from leadagent_prefect.cli import main as command

    raise SystemExit(command(["serve", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
