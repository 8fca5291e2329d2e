"""Exceptions -> exit codes, and what the user is told."""

from __future__ import annotations

import sys
import traceback

import click

from leadagent_prefect.diagnostics import render_text
from leadagent_prefect.diagnostics.words import printable
from leadagent_prefect.errors import ConfigurationError, LeadAgentError, PrefectUnavailable

FAILED, BAD_INPUT, NO_API, INTERRUPTED = 1, 2, 3, 130


def exit_code(error: BaseException, *, debug: bool) -> int:
    """Says on stderr what went wrong, and gives the exit code for it."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, click.ClickException):
        error.show(sys.stderr)
        return BAD_INPUT
    if isinstance(error, ConfigurationError) and error.diagnostics:
        sys.stderr.write(render_text(error.diagnostics, color=coloured()))
        return BAD_INPUT
    say(f"error: {_words(error)}")
    if isinstance(error, PrefectUnavailable):
        return NO_API
    return BAD_INPUT if isinstance(error, (ConfigurationError, OSError)) else FAILED


def _words(error: BaseException) -> str:
    if isinstance(error, LeadAgentError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"{type(error).__name__}: {error}\nThis is a mistake in leadagent; --debug shows where it happened"


def say(text: str) -> None:
    """A line, or several, on stderr, harmless to a terminal."""
    sys.stderr.write("".join(f"{printable(line)}\n" for line in text.split("\n")))
    sys.stderr.flush()


def coloured() -> bool:
    """Is stderr a terminal that wants colours?"""
    import os

    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
