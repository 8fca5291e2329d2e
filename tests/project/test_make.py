from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Variables of the make that may have started the tests are not for this one.
    env = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }
    return subprocess.run(
        ["make", *arguments], cwd=root, env=env, capture_output=True, text=True, check=False
    )


def test_help_lists_every_promised_target(root):
    listed = set(re.findall(r"^  make (\S+)", make(root, "help").stdout, re.MULTILINE))
    assert listed >= {"setup", "run", "test", "lint", "docs", "bench", "chaos", "clean"}


def test_without_a_python_setup_says_what_to_install(root, tmp_path):
    result = make(root, "setup", f"VENV={tmp_path / 'venv'}", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert "no Python 3.10 or newer" in result.stderr
    assert "python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_the_script_of_ci_is_executable_and_parses(root):
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
