"""Which class serves which agent type.

A type is looked for in this order: registered in this process, built in, an entry point of the group
``leadagent_prefect.agents``. The built-in types are entry points too, in pyproject.toml; the table here
says the same (a test holds them together), so that they are found without a scan of all installed
packages and from a checkout that was never installed. ``custom`` has no class of its own: the file names
it in ``custom_params.class``, or the process has registered one.
"""

from __future__ import annotations

import importlib
import operator
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import ClassVar

from leadagent_prefect import agent_types
from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.options import refuse_unknown
from leadagent_prefect.diagnostics.words import did_you_mean, quote
from leadagent_prefect.errors import AgentError, AgentMisconfigured
from leadagent_prefect.models import AgentConfig, AgentType

GROUP = agent_types.GROUP

BUILT_IN = {
    "ai_agent": "leadagent_prefect.agents.ai_agent:AIAgent",
    "http_api": "leadagent_prefect.agents.http_api:HTTPAgent",
    "mcp_server": "leadagent_prefect.agents.mcp_server:MCPServerAgent",
}


class AgentFactory:
    """Makes agents of their configuration, and takes new types: ``register_agent_type("mine", MyAgent)``."""

    _registered: ClassVar[dict[str, type[BaseAgent]]] = {}

    @classmethod
    def register_agent_type(cls, agent_type: AgentType | str, agent_class: type[BaseAgent]) -> None:
        """Let ``agent_class`` serve ``agent_type`` in this process; a later registration replaces it.

        Raises TypeError where the class is no `BaseAgent`. Another process knows nothing of it
        (see `portable`): use ``custom_params.class`` or an entry point for what is deployed or resumed.
        """
        if not _is_agent(agent_class):
            raise TypeError(f"{agent_class!r} is no subclass of leadagent_prefect.BaseAgent")
        cls._registered[_name(agent_type)] = agent_class
        agent_types.REGISTERED.add(_name(agent_type))

    @classmethod
    def unregister_agent_type(cls, agent_type: AgentType | str) -> None:
        """Forget a registration of this process; a type that was never registered is no error."""
        cls._registered.pop(_name(agent_type), None)
        agent_types.REGISTERED.discard(_name(agent_type))

    @classmethod
    def find(cls, config: AgentConfig) -> type[BaseAgent]:
        """The class that serves ``config``; `AgentMisconfigured` says why there is none."""
        where = f'agent "{config.name}"'
        path = _class_path(config)
        if path is not None:
            return _load(path, f"{where}: custom_params.class")
        if config.type in cls._registered:
            return cls._registered[config.type]
        if config.type in BUILT_IN:
            return _load(BUILT_IN[config.type], f'{where}: type "{config.type}"')
        for entry in _entry_points(config.type):
            return _load(entry.value, f'{where}: type "{config.type}" (entry point of {_owner(entry)})')
        raise AgentMisconfigured(f"{where}: {cls._unknown(config.type)}")

    @classmethod
    def create(cls, config: AgentConfig) -> BaseAgent:
        """An agent, not yet opened. What is wrong with its configuration is `AgentMisconfigured`."""
        agent_class = cls.find(config)
        where = f'agent "{config.name}"'
        if agent_class.known_params is not None:
            refuse_unknown(config.custom_params, agent_class.known_params, f"{where}: custom_params")
        try:
            return agent_class(config)
        except AgentError:
            raise
        except Exception as exc:
            raise AgentMisconfigured(f"{where}: {agent_class.__qualname__} can't be made: {exc}") from exc

    @classmethod
    def types(cls) -> dict[str, str]:
        """Every known type by name, with where it comes from, in words."""
        found = {"custom": 'the class named in custom_params.class ("package.module:ClassName")'}
        for entry in _entry_points():
            found[entry.name] = f"{entry.value} (entry point of {_owner(entry)})"
        for name, path in BUILT_IN.items():
            found[name] = f"{path} (built in)"
        for name, agent in cls._registered.items():
            found[name] = f"{agent.__module__}:{agent.__qualname__} (registered in this process)"
        return dict(sorted(found.items()))

    @classmethod
    def portable(cls, config: AgentConfig) -> bool:
        """Can another process find the class? False for what only this one registered or defined."""
        path = _class_path(config)
        if path is not None:
            return path.partition(":")[0] != "__main__"
        return config.type not in cls._registered

    @classmethod
    def _unknown(cls, agent_type: str) -> str:
        if agent_type == AgentType.CUSTOM.value:
            return (
                'type "custom" needs a class: give custom_params.class: "package.module:ClassName", '
                "or call AgentFactory.register_agent_type(AgentType.CUSTOM, YourClass) before the run"
            )
        hint = did_you_mean(agent_type, cls.types(), "known")
        return (
            f"there is no agent type {quote(agent_type)}; {hint}; others come from "
            f'AgentFactory.register_agent_type or an entry point in the group "{GROUP}"'
        )


def make_importable(folder: Path | None) -> None:
    """Lets classes of custom agents stand beside the workflow that names them.

    The folder comes last in ``sys.path``: no file in it takes the place of a package.
    """
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))


def _name(agent_type: AgentType | str) -> str:
    return agent_type.value if isinstance(agent_type, AgentType) else agent_type


def _class_path(config: AgentConfig) -> str | None:
    if config.type != AgentType.CUSTOM.value or "class" not in config.custom_params:
        return None
    path = config.custom_params["class"]
    module, _, name = path.partition(":") if isinstance(path, str) else ("", "", "")
    if not module or not name:
        raise AgentMisconfigured(
            f'agent "{config.name}": custom_params.class is {path!r}, expected "package.module:ClassName"'
        )
    return str(path)


def _entry_points(name: str | None = None) -> Iterator[EntryPoint]:
    for entry in entry_points(group=GROUP):
        # A plugin can't take a built-in's place unasked; whoever wants that registers it in the process.
        if entry.name not in BUILT_IN and name in (None, entry.name):
            yield entry


def _owner(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "an unknown package"


def _load(path: str, where: str) -> type[BaseAgent]:
    module_name, _, class_name = path.partition(":")
    try:
        found = operator.attrgetter(class_name)(importlib.import_module(module_name))
    except ModuleNotFoundError as exc:
        raise AgentMisconfigured(
            f'{where} names "{path}", but there is no module "{exc.name}": install the package that has it, '
            "or put its folder on PYTHONPATH"
        ) from exc
    except Exception as exc:
        raise AgentMisconfigured(
            f'{where} names "{path}", which can\'t be imported: {type(exc).__name__}: {exc}'
        ) from exc
    if not _is_agent(found):
        raise AgentMisconfigured(
            f'{where} names "{path}", which is no subclass of leadagent_prefect.BaseAgent'
        )
    agent_class: type[BaseAgent] = found
    return agent_class


def _is_agent(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseAgent)
