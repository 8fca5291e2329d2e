"""Workflow files -> flow files: what `compile` and `deploy` share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leadagent_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from leadagent_prefect.diagnostics import Diagnostic
    from leadagent_prefect.loader import Loaded
    from leadagent_prefect.models import Workflow

#: Endings of files that may be workflows; in a folder only those that hold tasks are.
_ENDINGS = (".yaml", ".yml", ".json")
#: Named by others, and YAML.
_NEVER = frozenset({"prefect.yaml", "docker-compose.yaml", "docker-compose.yml", "package.json"})


@dataclass(frozen=True)
class Compiled:
    """A workflow and its flow file, not yet written: ``text`` goes to ``path``, its flow is ``function``."""

    workflow: Workflow
    source: str
    path: Path
    text: str
    function: str

    @property
    def entrypoint(self) -> str:
        """``flows/digest.py:digest``, relative to the working folder where the file lies below it."""
        return f"{Path(os.path.relpath(self.path)).as_posix()}:{self.function}"

    def is_within(self, folder: Path) -> bool:
        """Does the flow lie in ``folder`` or below? What lies elsewhere is no matter of its prefect.yaml."""
        return self.path.resolve().is_relative_to(folder.resolve())


def compile_files(files: Sequence[str], output: str = "flows") -> list[Compiled]:
    """The flow files of workflow files, or of all of them in folders; nothing is written.

    ``output`` is a folder, or for a single workflow a file that ends in ``.py``. `ConfigurationError`
    holds every diagnostic of every file, literal credentials among them: those would be stored in clear.
    """
    loaded = [load_for_compiling(path) for path in dict.fromkeys(_workflow_files(files))]
    problems = [
        problem for one in loaded if isinstance(one, ConfigurationError) for problem in one.diagnostics
    ]
    if problems:
        raise ConfigurationError("the workflows have problems", problems)
    whole = [one for one in loaded if not isinstance(one, ConfigurationError)]
    if (output == "-" or output.endswith(".py")) and len(whole) > 1:
        raise ConfigurationError(f"--output {output} is one place for {len(whole)} workflows: name a folder")
    compiled = [_compiled(one, output) for one in whole]
    _refuse_twins(compiled)
    return compiled


def load_for_compiling(path: str) -> Loaded | ConfigurationError:
    """A workflow that may be stored in clear, or all that stands against it."""
    from leadagent_prefect.agents.registry import AgentFactory
    from leadagent_prefect.loader import load

    try:
        loaded = load(Path(path))
    except ConfigurationError as error:
        return error
    found = [replace(d, severity="error") for d in loaded.warnings if d.code == "literal-credential"]
    for one in (loaded, *loaded.files.values()):
        for number, agent in enumerate(one.workflow.agents):
            if not AgentFactory.portable(agent):
                found.append(_not_portable(one, number))
    return ConfigurationError("it can't be compiled", found) if found else loaded


def _not_portable(loaded: Loaded, number: int) -> Diagnostic:
    agent = loaded.workflow.agents[number]
    message = f'agent "{agent.name}": only this process knows its class, and a compiled flow runs in others'
    hint = (
        'put the class into a module beside the workflow and name it: custom_params.class: "module:ClassName"'
    )
    return loaded.document.diagnose("not-portable", message, ("agents", number, "type"), hint=hint)


def _workflow_files(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if not Path(path).is_dir():
            yield path
            continue
        found = sorted(_in_folder(Path(path)))
        if not found:
            raise ConfigurationError(
                f"{path}: no workflow in this folder: a workflow is a YAML or JSON file with tasks"
            )
        yield from found


def _in_folder(folder: Path) -> Iterator[str]:
    from leadagent_prefect.source import read_path

    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "node_modules" for part in inside.parts)
        if hidden or path.suffix.lower() not in _ENDINGS or path.name in _NEVER or not path.is_file():
            continue
        document = read_path(path)
        # A file that can't be read is taken too: what is wrong with it is to be seen.
        if "tasks" in document.data if isinstance(document.data, dict) else document.data is None:
            yield str(path)


def _compiled(loaded: Loaded, output: str) -> Compiled:
    from leadagent_prefect.emit import emitted
    from leadagent_prefect.naming import file_stem

    workflow = loaded.workflow
    folder = "" if output == "-" else output
    path = Path(output) if output.endswith(".py") else Path(folder, f"{file_stem(workflow.name)}.py")
    file = emitted(loaded, path.parent)
    return Compiled(workflow, loaded.document.filename, path, file.text, file.function)


def _refuse_twins(compiled: Iterable[Compiled]) -> None:
    from leadagent_prefect.naming import prefect_name

    seen: dict[str, Compiled] = {}
    for one in compiled:
        for what in (str(one.path), f"the Prefect flow {prefect_name(one.workflow.name)}"):
            other = seen.setdefault(what, one)
            if other is not one:
                raise ConfigurationError(
                    f"{other.source} and {one.source} both make {what}: give them other names"
                )
