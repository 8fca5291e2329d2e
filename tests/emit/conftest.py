from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from leadagent_prefect.emit import FlowFile, emitted
from leadagent_prefect.loader import load

Emit = Callable[..., tuple[FlowFile, Path]]


@pytest.fixture
def emit(tmp_path: Path) -> Emit:
    """Writes the flow file of a workflow (a path, a text or a dict) into tmp_path/flows."""

    def write(source: Any) -> tuple[FlowFile, Path]:
        file = emitted(load(source), tmp_path / "flows")
        path = tmp_path / "flows" / "emitted.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
        return file, path

    return write


@pytest.fixture
def executed() -> Callable[[str], ModuleType]:
    """The module that a text is."""

    def execute(text: str, path: str = "emitted.py") -> ModuleType:
        module = ModuleType("emitted")
        module.__file__ = path
        exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102  # it was made a line before
        return module

    return execute
