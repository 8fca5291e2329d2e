"""The one board of a process for each Prefect API, and what is on it."""

from __future__ import annotations

import asyncio
import threading
from typing import ClassVar

from prefect.context import SettingsContext, get_settings_context

from leadagent_prefect.engine.shared.board import Board
from leadagent_prefect.engine.shared.circuits import Circuits
from leadagent_prefect.engine.shared.paces import Paces
from leadagent_prefect.engine.shared.slots import Slots


class Desk:
    """Got by `open` and given back by `close`; the last one to do so ends it."""

    _open: ClassVar[dict[str, Desk]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, settings: SettingsContext) -> None:
        self.board = Board(settings)
        self.circuits = Circuits(self.board)
        self.slots = Slots(self.board)
        self.paces = Paces(self.board)
        self._users = 0

    @classmethod
    async def open(cls) -> Desk:
        """The desk of the Prefect API of the settings at hand."""
        return await asyncio.to_thread(cls._get, get_settings_context())

    async def close(self) -> None:
        await asyncio.to_thread(self._give_back)

    @classmethod
    def _get(cls, settings: SettingsContext) -> Desk:
        with cls._lock:
            url = str(settings.settings.api.url)
            if url not in cls._open:
                cls._open[url] = Desk(settings)
                cls._open[url].board.start()
            cls._open[url]._users += 1
            return cls._open[url]

    def _give_back(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            for url in [url for url, desk in self._open.items() if desk is self]:
                del self._open[url]
        self.board.stop()
