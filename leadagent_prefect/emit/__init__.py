"""The plan written down: a Python file with a Prefect flow, and its entry in prefect.yaml. Text only."""

from __future__ import annotations

import os
from pathlib import Path

from leadagent_prefect.emit.flow_file import FlowFile, flow_file
from leadagent_prefect.emit.heading import owner, with_heading
from leadagent_prefect.loader import Loaded

__all__ = ["FlowFile", "emitted", "owner"]


def emitted(loaded: Loaded, folder: Path, *, absolute: bool = False) -> FlowFile:
    """The flow file of a workflow as it is to lie in ``folder``, with its heading.

    The paths in it are relative to the folder unless ``absolute``: a project may be moved, and is the same
    text on every machine.
    """
    document = loaded.document
    code: str | None = None
    if document.base is not None and _bring_classes(loaded):
        code = str(document.base.resolve()) if absolute else _relative(document.base, folder)
    file = flow_file(loaded, source=Path(document.filename).name, code=code)
    source = (
        document.filename if absolute or document.base is None else _relative(Path(document.filename), folder)
    )
    return FlowFile(with_heading(file.text, source), file.function)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _bring_classes(loaded: Loaded) -> bool:
    return any(_brings_classes(one) for one in (loaded, *loaded.files.values()))


def _brings_classes(loaded: Loaded) -> bool:
    """Do classes of custom agents stand beside the workflow, and not in an installed package?"""
    agents = [agent for agent in loaded.workflow.agents if agent.type == "custom"]
    names = [agent.custom_params.get("class") for agent in agents]
    modules = {name.partition(":")[0].partition(".")[0] for name in names if isinstance(name, str)}
    base = loaded.document.base
    return base is not None and any(
        (base / f"{module}.py").exists() or (base / module).is_dir() for module in modules
    )
