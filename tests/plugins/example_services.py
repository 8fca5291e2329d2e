"""The services that the examples call, running for the whole session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def services() -> Iterator[Any]:
    """`Services` of examples/servers.py: ``url``, ``tools_url``, ``inputs``, ``requests``."""
    sys.path.insert(0, str(EXAMPLES))
    with import_module("servers").Services() as running:
        yield running


@pytest.fixture(scope="session")
def relocated(services: Any) -> Any:
    """Turns the addresses that a text names by default into those at which the services run."""
    ports = {"127.0.0.1:8750": services.url[7:], "127.0.0.1:8751": services.tools_url[7:-4]}

    def relocate(text: str) -> str:
        for written, actual in ports.items():
            text = text.replace(written, actual)
        return text

    return relocate


@pytest.fixture(scope="session")
def examples_here(tmp_path_factory: pytest.TempPathFactory, relocated: Any) -> Path:
    """A folder with ``examples/`` in it, whose files name the services where they run."""
    root = tmp_path_factory.mktemp("examples")
    for path in EXAMPLES.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            copy = root / "examples" / path.relative_to(EXAMPLES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(relocated(path.read_text()))
    return root
