"""A workflow that may be broken in places: what the checks see.

Every part of a file is validated by itself, so that one broken part does not hide what is wrong with the
others. A part that is broken is there all the same, without its broken keys, where that makes a model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from leadagent_prefect.models import AgentConfig, TaskConfig, WorkflowSettings
from leadagent_prefect.source import Document, Path


@dataclass
class Draft:
    """The parts of a document by their path, such as ``("tasks", 3)``.

    ``tasks`` holds those of every list: ``("finally", 0)``, and ``("tasks", 3, "tasks", 0)`` within a task,
    whose model is without them. ``agent_names`` and ``task_names`` hold every name at the top as declared,
    also of broken parts, with the path of the first that has it. ``broken`` has the paths of keys already
    complained about, such as ``("tasks", 3, "agent_name")``: such a key is left out of the model, so its
    absence means nothing. ``parts`` are the sub-workflows that could be read, by what ``workflow:`` says.
    """

    document: Document
    settings: WorkflowSettings | None = None
    agents: dict[Path, AgentConfig] = field(default_factory=dict)
    tasks: dict[Path, TaskConfig] = field(default_factory=dict)
    agent_names: dict[str, Path] = field(default_factory=dict)
    task_names: dict[str, Path] = field(default_factory=dict)
    broken: set[Path] = field(default_factory=set)
    parts: dict[str, Draft] = field(default_factory=dict)

    def is_broken(self, *path: str | int) -> bool:
        """Was this key, or one above it, already complained about?"""
        return any(path[:length] in self.broken for length in range(1, len(path) + 1))
