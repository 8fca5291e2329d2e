"""The command ``leadagent``. Each command is a module of its own, imported when it is asked for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit code; nothing is ever raised.

    0 completed or valid, 1 the run failed or was cancelled, 2 bad input, 3 no Prefect API, 128 + N ended
    by signal N: 130 by Ctrl-C, 141 where nobody reads the output any more, 143 by SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_streams()
    code = _run(arguments)
    _let_go_of_stdout()
    return code


def _prepare_streams() -> None:
    # Where a caller closed one (``>&-``) Python has None in its place.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        # A file name or a result may hold what the terminal's encoding has no letters for.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _run(arguments: list[str]) -> int:
    from leadagent_prefect.cli.app import command
    from leadagent_prefect.cli.failures import exit_code

    try:
        code = command.main(args=arguments, prog_name="leadagent", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the exit code is all that leaves the command line
        # click makes a SystemExit of one that it sees (``leadagent graph F | head -1``).
        if BrokenPipeError in (type(error), type(error.__context__)):
            return 128 + 13
        return exit_code(error, debug="--debug" in arguments)
    return code if isinstance(code, int) else 0


def _let_go_of_stdout() -> None:
    """What can't be written any more was told; Python's own flush at exit must not complain once more."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
