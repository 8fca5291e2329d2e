"""Signals while a workflow runs, sent to real processes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from waiting import until

from leadagent_prefect.cli.interrupts import Interrupts

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_cancels_the_run(spawn, workflow, folder, number, code):
    workflow("wait")
    process = spawn("run", "flow.yaml")
    until((folder / "started").exists)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out.startswith("Workflow completed with status: cancelled\nCompleted tasks: 1/2\n")
    name = signal.Signals(number).name
    assert f"{name}: cancelling the run; once more gives up at once\n" in err
    assert f"second: cancelled: interrupted by {name}\n" in err


def test_a_signal_cancels_a_run_of_the_original_module_as_well(workflow, folder):
    workflow("wait")
    process = subprocess.Popen(
        [sys.executable, "-m", "leadagent_prefect.lead_agent", "flow.yaml"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    until((folder / "started").exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("Workflow completed with status: cancelled\n")


STUBBORN = """
import asyncio
from pathlib import Path
from leadagent_prefect import BaseAgent

class Script(BaseAgent):
    async def execute(self, action, parameters):
        Path("started").touch()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                Path("refused").touch()
"""


def test_a_second_ctrl_c_gives_up_at_once(spawn, workflow, folder):
    path = workflow("wait")
    next(folder.glob("scripted_*.py")).write_text(STUBBORN)
    process = spawn("run", str(path))
    until((folder / "started").exists)
    process.send_signal(signal.SIGINT)
    until((folder / "refused").exists)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "SIGINT again: giving up; the run may go on where it called a service\n" in err


class Undoing:
    """The handle of a run that undoes until it is cancelled for the second time."""

    def __init__(self):
        self.future = self
        self.reasons = []

    def add_done_callback(self, callback):
        """As the run's future has it; a signal comes as soon as the run is waited for."""
        self.end = callback
        os.kill(os.getpid(), signal.SIGTERM)

    def is_undoing(self):
        return True

    def cancel(self, reason):
        self.reasons.append(reason)
        if len(self.reasons) == 2:
            self.end(self)
        else:
            os.kill(os.getpid(), signal.SIGINT)


def test_while_a_run_undoes_a_second_ctrl_c_ends_that():
    handle, said = Undoing(), []
    with Interrupts() as interrupts:
        interrupts.wait(handle, said.append)
    assert interrupts.number == signal.SIGTERM
    assert handle.reasons == ["interrupted by SIGTERM", "interrupted by SIGINT"]
    assert said == [
        "SIGTERM: cancelling the run; once more gives up at once",
        "SIGINT again: nothing more is undone or cleaned up; once more gives up at once",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_before_there_is_a_run_a_signal_ends_the_command(number):
    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        interrupted_by(number)
    assert caught.value.args in ((), (128 + number,))
    assert isinstance(caught.value, KeyboardInterrupt) == (number == signal.SIGINT)


def interrupted_by(number):
    with Interrupts():
        os.kill(os.getpid(), number)
        threading.Event().wait()  # the signal's handler raises


def test_outside_of_the_main_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGINT)
    handlers = []

    def look():
        with Interrupts():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [before]


def test_on_a_terminal_the_run_is_a_live_picture_that_leaves_its_lines_behind(workflow, folder):
    path = workflow("wait")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "leadagent_prefect", "run", str(path)],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env={
            **os.environ,
            "TERM": "xterm",
            "PYTHONPATH": str(ROOT),
        },
    )
    os.close(terminal)
    shown = b""
    while b"second: " not in shown:
        shown += os.read(controller, 4096)
    until((folder / "started").exists)
    process.send_signal(signal.SIGINT)
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
    except OSError:  # how Linux says that nobody has the terminal open any more
        pass
    os.close(controller)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("Workflow completed with status: cancelled\n")
    text = shown.decode()
    assert "first: completed in" in text
    assert "1/2 tasks" in text
    assert "\x1b[?25h" in text  # the cursor is back
