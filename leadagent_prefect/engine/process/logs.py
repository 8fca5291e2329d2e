"""Log lines of a run, masked before any handler (the console's or Prefect's) writes or sends them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from leadagent_prefect.redaction import Redactor

_lock = threading.Lock()
_active: list[Redactor] = []


class _MaskingFilter(logging.Filter):
    """Masks a record in place with every redactor that is in use in this process."""

    def filter(self, record: logging.LogRecord) -> bool:
        redactors = tuple(_active)
        if not redactors:
            return True
        message, trace = record.getMessage(), record.exc_text
        if record.exc_info and record.exc_info[0] is not None and trace is None:
            trace = logging.Formatter().formatException(record.exc_info)
        for redactor in redactors:
            message = redactor.text(message)
            trace = redactor.text(trace) if trace else trace
        record.msg, record.args = message, ()
        # Prefect logs failed states with exc_info=True and no exception: a bare "NoneType: None" in the log.
        record.exc_info, record.exc_text = None, trace
        return True


_filter = _MaskingFilter()


@contextmanager
def masked_logs(redactor: Redactor) -> Iterator[None]:
    """While open, every handler of every logger masks what ``redactor`` knows."""
    for handler in _handlers():
        if _filter not in handler.filters:
            handler.addFilter(_filter)
    with _lock:
        _active.append(redactor)
    try:
        yield
    finally:
        with _lock:
            _active.remove(redactor)


def _handlers() -> set[logging.Handler]:
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    return {handler for logger in [logging.getLogger(), *known] for handler in logger.handlers}
