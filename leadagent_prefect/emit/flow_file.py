"""A workflow -> the text of a Python file with its flow, for a reader who may go on from there by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from leadagent_prefect.emit.code import Code, Group, Node, Text, call, quoted
from leadagent_prefect.emit.definitions import Definitions
from leadagent_prefect.emit.docstring import PLAIN, comment, docstring, flow_text, hides_inputs
from leadagent_prefect.emit.layout import lay_out
from leadagent_prefect.emit.names import Names
from leadagent_prefect.emit.signature import Signature, signature
from leadagent_prefect.loader import Loaded
from leadagent_prefect.naming import prefect_name

_UNCHECKED = "    validate_parameters=False,"
_WHY_UNCHECKED = "the workflow checks them, and nothing acts on them"


@dataclass(frozen=True)
class FlowFile:
    """``text`` is the whole file but for its heading; ``function`` is the name of the flow in it."""

    text: str
    function: str


def flow_file(loaded: Loaded, *, source: str, code: str | None = None) -> FlowFile:
    """The file of a workflow, with its sub-workflows.

    ``source`` names the workflow file in comments; ``code`` is the folder of custom agents' classes,
    relative to the folder in which the file will lie, or absolute.
    """
    return _FlowFile(loaded, source, code).write()


class _FlowFile:
    def __init__(self, loaded: Loaded, source: str, code: str | None) -> None:
        self.root, self.code = loaded.workflow, code
        names = Names(self.root.inputs)
        self.function = names.take(self.root.name, "flow")
        self.run, self.workflow, self.folder = (
            names.take(word, "of_leadagent") for word in ("run", "workflow", "code")
        )
        self.main = Definitions(loaded, source, names, self.workflow)
        self.parts = {
            key: Definitions(part, key, names, names.take(part.workflow.name, "workflow"))
            for key, part in loaded.files.items()
        }

    def write(self) -> FlowFile:
        given = signature(self.root.inputs)
        body = [
            *self.main.write(),
            *([self._code()] if self.code is not None else []),
            self.main.write_workflow(),
            *(line for key, part in self.parts.items() for line in _part(key, part)),
            *(lay_out(f"{name} = ", node) for name, node in given.aliases.items()),
        ]
        parts = [
            docstring(f"The workflow {quoted(self.root.name)} as a Prefect flow."),
            self._imports(given),
            *body,
        ]
        return FlowFile("\n\n".join(parts) + f"\n\n\n{self._flow(given)}\n", self.function)

    def _imports(self, given: Signature) -> str:
        engine = ["PLAIN_JSON", "run" if self.run == "run" else f"run as {self.run}"]
        standard = [_import("pathlib", ["Path"])] if self.code is not None else []
        standard.append(_import("typing", {"Any", *given.typing}))
        third = [
            _import("leadagent_prefect.engine.compiled", engine),
            _import("leadagent_prefect.models", self._classes),
            _import("prefect", ["State", "flow"]),
            *([_import("pydantic", given.pydantic)] if given.pydantic else []),
        ]
        return "\n".join(standard) + "\n\n" + "\n".join(third)

    @property
    def _classes(self) -> set[str]:
        return self.main.classes.union(*(part.classes for part in self.parts.values()))

    def _code(self) -> str:
        return lay_out(
            f"# The folder of the classes of custom agents.\n{self.folder} = Path(__file__).parent / ",
            Text(self.code or ""),
        )

    def _flow(self, given: Signature) -> str:
        workflow = self.root
        inputs = workflow.inputs
        notes = {name: config.description for name, config in inputs.items() if config.description}
        apart = bool(notes) and hides_inputs(workflow.description)
        text = flow_text(PLAIN if apart else workflow.description, notes)
        options: dict[str, Node] = {
            "name": Text(prefect_name(workflow.name)),
            "version": Text(workflow.version),
            "persist_result": Code("True"),
            "result_serializer": Code("PLAIN_JSON"),
            "validate_parameters": Code("False"),
        }
        if apart:
            options["description"] = Text(workflow.description or "")
        arguments: list[tuple[str, Node]] = [
            ("", Code(self.workflow)),
            ("", Group("{", tuple((f"{quoted(name)}: ", Code(name)) for name in inputs), "}")),
            *([("code=", Code(self.folder))] if self.code is not None else []),
            *([("parts=", self._given_parts())] if self.parts else []),
        ]
        lines = [
            lay_out("@", call("flow", options)).replace(_UNCHECKED, f"{_UNCHECKED}  # {_WHY_UNCHECKED}"),
            lay_out(f"async def {self.function}", given.parameters, " -> State[Any]:"),
            *([docstring(text, 1)] if text else []),
            lay_out("return await ", Group(f"{self.run}(", tuple(arguments), ")"), depth=1),
        ]
        return "\n".join(lines)

    def _given_parts(self) -> Group:
        rows = self.parts.items()
        return Group("{", tuple((f"{quoted(key)}: ", Code(part.variable)) for key, part in rows), "}")


def _part(key: str, part: Definitions) -> Iterator[str]:
    yield comment(f"--- The sub-workflow {key} ---")
    yield from part.write()
    yield part.write_workflow()


def _import(module: str, names: Iterable[str]) -> str:
    ordered = sorted(names, key=_isort_key)
    return _one_a_line(module, ordered)


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, classes, functions: isort's order, which ruff keeps."""
    word = name.partition(" ")[0]
    return (0 if word.isupper() else 1 if word[0].isupper() else 2, word)


def _one_a_line(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 88:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
