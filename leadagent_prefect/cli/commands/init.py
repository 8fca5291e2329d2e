"""``leadagent init``: a starter project that runs as it is."""

from __future__ import annotations

import os
import shlex
from importlib.resources import files
from pathlib import Path

import click

from leadagent_prefect.errors import ConfigurationError

#: Files of the starter by the name they get. A `.gitignore` in the package would hide files from git there.
_FILES = {
    "workflow.yaml": "workflow.yaml",
    "text_agent.py": "text_agent.py",
    "README.md": "README.md",
    ".gitignore": "gitignore",
}


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=".")
def command(directory: str) -> int:
    """Write a starter project that runs as it is.

    DIR is made where it is missing; no file in it is ever replaced.
    """
    from leadagent_prefect.diagnostics.words import printable

    folder = Path(directory)
    existing = [name for name in _FILES if os.path.lexists(folder / name)]
    if existing:
        raise ConfigurationError(
            f"{folder}: {', '.join(existing)} would be replaced, so nothing was written: name an empty folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    starter = files("leadagent_prefect") / "starter"
    for name, source in _FILES.items():
        with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
            file.write((starter / source).read_text(encoding="utf-8"))
        print(f"wrote {printable(str(folder / name))}")
    print(f"Now: leadagent run {printable(shlex.quote(str(folder / 'workflow.yaml')))}")
    return 0
