"""What all commands share: help, mistakes, exit codes, what they import."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from leadagent_prefect import __version__
from leadagent_prefect.cli import main
from leadagent_prefect.cli.failures import exit_code
from leadagent_prefect.errors import ConfigurationError, InternalError, PrefectUnavailable

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"prefect", "mcp", "httpx", "rich", "fastapi", "sqlalchemy", "jsonschema", "asyncio"}


def loaded_by(*arguments: str, cwd: Path) -> set[str]:
    code = (
        "import json, sys\nfrom leadagent_prefect.cli import main\n"
        f"code = main({list(arguments)!r})\nsys.stderr.write(json.dumps([code, *sys.modules]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    status, *modules = json.loads(done.stderr)
    assert status == 0
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("validate", "flow.yaml"), ("plan", "flow.yaml"), ("graph", "flow.yaml"), ("schema",)],
)
def test_light_commands_import_nothing_heavy(workflow, folder, arguments):
    workflow()
    assert loaded_by(*arguments, cwd=folder) & HEAVY == set()


def test_importing_the_module_that_python_m_runs_starts_nothing(capsys):
    import_module("leadagent_prefect.__main__")
    assert capsys.readouterr() == ("", "")


def test_a_command_loads_no_other_command(workflow, folder):
    workflow()
    modules = loaded_by("validate", "flow.yaml", cwd=folder)
    commands = {
        name.rpartition(".")[2] for name in modules if name.startswith("leadagent_prefect.cli.commands.")
    }
    assert commands == {"validate"}


def test_an_unknown_command_is_answered_with_the_nearest_one(leadagent):
    done = leadagent("validte", "flow.yaml")
    assert (done.code, done.out) == (2, "")
    assert 'no such command: validte; did you mean "validate"?' in done.err


def test_an_unknown_option_is_bad_input(leadagent):
    assert leadagent("run", "--jsn", "flow.yaml").code == 2
    assert "No such option '--sideways'" in leadagent("--sideways").err


def test_without_a_command_the_help_is_shown(leadagent):
    done = leadagent()
    assert done.code == 2
    assert "Commands:\n  validate" in done.err


def test_the_version(leadagent):
    done = leadagent("--version")
    assert (done.code, done.out) == (0, f"leadagent {__version__}\n")


def test_the_arguments_are_those_of_the_process_where_none_are_given(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["leadagent", "--version"])
    assert main() == 0
    assert capsys.readouterr().out == f"leadagent {__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
        (SystemExit(7), 7, ""),
        (SystemExit("why"), 1, ""),
        (ConfigurationError("no\x1b"), 2, "error: no\\x1b\n"),
        (FileNotFoundError(2, "No such file", "f"), 2, "error: f: No such file\n"),
        (OSError("disk"), 2, "error: disk\n"),
        (PrefectUnavailable("gone"), 3, "error: gone\n"),
        (InternalError("the run crashed"), 1, "error: the run crashed\n"),
    ],
)
def test_every_error_has_its_exit_code(error, code, said, capsys):
    assert exit_code(error, debug=False) == code
    assert capsys.readouterr().err == said


def test_a_mistake_of_our_own_is_one_line_and_a_traceback_with_debug(leadagent, workflow, monkeypatch):
    monkeypatch.setattr("leadagent_prefect.graph.render_graph", lambda *_, **__: 1 / 0)
    name = workflow().name
    done, debug = leadagent("graph", name), leadagent("graph", name, "--debug")
    assert (done.code, debug.code) == (1, 1)
    assert done.err.startswith("error: ZeroDivisionError: division by zero\n")
    assert "Traceback" not in done.err
    assert "Traceback" in debug.err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("graph", "flow.yaml"), ("validate", "flow.yaml"), ("--help",)])
def test_a_reader_that_goes_away_is_no_error(spawn, workflow, arguments, unbuffered):
    workflow()
    process = spawn(*arguments, PYTHONUNBUFFERED=unbuffered)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    process.stdin.close()
    assert (process.wait(), error) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_are_closed_change_no_exit_code(workflow, closed):
    workflow()
    command = f"{sys.executable} -m leadagent_prefect validate flow.yaml {closed}"
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
def test_a_disk_that_is_full_is_one_line(workflow):
    workflow()
    command = f"{sys.executable} -m leadagent_prefect graph flow.yaml > /dev/full"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (2, "error: [Errno 28] No space left on device\n")


def test_a_name_that_the_terminals_encoding_has_not_is_escaped(finished):
    done = finished("validate", "日.yaml", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.code == 2
    assert "\\u65e5.yaml: 1 error\n" in done.err


def test_a_stream_that_is_no_text_file_is_written_to_as_well(monkeypatch):
    class Plain:
        def __init__(self) -> None:
            self.text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def flush(self) -> None:
            pass

    plain = Plain()
    monkeypatch.setattr(sys, "stdout", plain)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert main(["--version"]) == 0
    assert plain.text == f"leadagent {__version__}\n"


def test_colours_are_for_terminals_that_want_them(leadagent, folder, monkeypatch):
    (folder / "flow.yaml").write_text("name: x\n")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert "\x1b[31;1m" in leadagent("validate", "flow.yaml").err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in leadagent("validate", "flow.yaml").err
