"""Which class serves an agent, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from leadagent_prefect.agents import base, registry
from leadagent_prefect.agents.base import AgentFactory, BaseAgent
from leadagent_prefect.agents.http_api import HTTPAgent
from leadagent_prefect.agents.registry import BUILT_IN, GROUP
from leadagent_prefect.errors import AgentMisconfigured, AuthRefused
from leadagent_prefect.models import AgentConfig, AgentResponse, AgentType

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def config(type_: str, **custom_params: Any) -> AgentConfig:
    return AgentConfig(name="mine", type=type_, endpoint="http://h/", custom_params=custom_params)


class Echo(BaseAgent):
    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        return AgentResponse(success=True, result=[self.config.name, action, parameters])


class Strict(Echo):
    known_params = frozenset({"special_config"})


class Broken(Echo):
    def __init__(self, config: AgentConfig) -> None:
        raise {"value": ValueError("no such disk"), "agent": AuthRefused("not you")}[
            config.custom_params["raises"]
        ]


@pytest.fixture
def registered():
    """``registered(type, cls)``, undone at the test's end."""
    done = []

    def register(agent_type, cls):
        AgentFactory.register_agent_type(agent_type, cls)
        done.append(agent_type)

    yield register
    for agent_type in done:
        AgentFactory.unregister_agent_type(agent_type)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """``package(source)`` makes the module ``given_agents`` importable."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str) -> None:
        (tmp_path / "given_agents.py").write_text(textwrap.dedent(source))

    yield write
    sys.modules.pop("given_agents", None)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """``plugin(name=value)`` installs a distribution with these entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(**entries: str) -> None:
        info = tmp_path / "some_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-plugin\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "\n".join(lines))

    return install


def test_the_built_in_types_are_the_entry_points_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["entry-points"][GROUP] == BUILT_IN


def test_a_built_in_type_is_made_of_its_configuration():
    agent = AgentFactory.create(config("http_api"))
    assert type(agent) is HTTPAgent
    assert agent.config.name == "mine"


async def test_a_class_registered_for_custom_serves_without_a_class_in_the_file(registered):
    registered(AgentType.CUSTOM, Echo)
    agent = AgentFactory.create(config("custom", special_config="value"))
    assert (await agent.execute("a", {"b": 1})).result == ["mine", "a", {"b": 1}]


def test_a_class_may_be_registered_under_a_name_of_its_own_and_in_place_of_a_built_in(registered):
    registered("echo", Echo)
    registered("http_api", Echo)
    assert type(AgentFactory.create(config("echo"))) is Echo
    assert type(AgentFactory.create(config("http_api"))) is Echo


@pytest.mark.parametrize("thing", [int, Echo(config("x")), "module:Class"])
def test_only_a_subclass_of_base_agent_can_be_registered(thing):
    with pytest.raises(TypeError, match=r"no subclass of leadagent_prefect\.BaseAgent"):
        AgentFactory.register_agent_type("thing", thing)


def test_a_class_named_in_the_file_goes_before_a_registered_one(registered, package):
    registered(AgentType.CUSTOM, Echo)
    package(
        """
        from leadagent_prefect.agents.base import BaseAgent
        class Outer:
            class Mine(BaseAgent):
                async def execute(self, action, parameters): ...
        """
    )
    agent = AgentFactory.create(config("custom", **{"class": "given_agents:Outer.Mine"}))
    assert type(agent).__qualname__ == "Outer.Mine"


@pytest.mark.parametrize(
    ("path", "source", "message"),
    [
        ("given_agents", "", "custom_params.class is 'given_agents', expected \"package.module:ClassName\""),
        (5, "", "custom_params.class is 5"),
        (":X", "", "expected"),
        ("no_such_module:X", "", 'there is no module "no_such_module": install the package that has it'),
        ("given_agents:X", "import no_such_dependency", 'there is no module "no_such_dependency"'),
        ("given_agents:X", "1/0", "can't be imported: ZeroDivisionError: division by zero"),
        ("given_agents:X", "", "can't be imported: AttributeError: .* no attribute 'X'"),
        ("given_agents:X", "X = int", "which is no subclass of leadagent_prefect.BaseAgent"),
        ("given_agents:X", "def X(config): ...", "which is no subclass"),
    ],
)
def test_a_class_that_cannot_be_had_is_named_with_its_place_and_the_remedy(package, path, source, message):
    package(source)
    with pytest.raises(AgentMisconfigured, match=message) as caught:
        AgentFactory.create(config("custom", **{"class": path}))
    assert str(caught.value).startswith('agent "mine": custom_params.class')


def test_custom_without_a_class_says_both_ways_to_give_one():
    with pytest.raises(
        AgentMisconfigured, match=r"custom_params\.class.*register_agent_type\(AgentType\.CUSTOM"
    ):
        AgentFactory.create(config("custom"))


def test_an_unknown_type_is_an_error_that_lists_the_known_ones():
    with pytest.raises(AgentMisconfigured, match=r'no agent type "htp_api".*did you mean "http_api"'):
        AgentFactory.create(config("htp_api"))


def test_an_entry_point_is_a_type(plugin, package):
    package(
        """
        from leadagent_prefect.agents.base import BaseAgent
        class Plugged(BaseAgent):
            async def execute(self, action, parameters): ...
        """
    )
    plugin(plugged="given_agents:Plugged", http_api="given_agents:Plugged", broken="given_agents:Nothing")
    assert type(AgentFactory.create(config("plugged"))).__name__ == "Plugged"
    assert type(AgentFactory.create(config("http_api"))) is HTTPAgent
    with pytest.raises(AgentMisconfigured, match=r'type "broken" \(entry point of some-plugin\)'):
        AgentFactory.create(config("broken"))
    assert AgentFactory.types()["plugged"] == "given_agents:Plugged (entry point of some-plugin)"


def test_types_tell_where_each_comes_from(registered):
    registered("echo", Echo)
    types = AgentFactory.types()
    assert list(types) == sorted(types)
    assert types["http_api"] == "leadagent_prefect.agents.http_api:HTTPAgent (built in)"
    assert types["custom"].startswith("the class named in custom_params.class")
    assert types["echo"].endswith(":Echo (registered in this process)")


def test_portable_is_what_another_process_can_find(registered):
    registered("echo", Echo)
    assert AgentFactory.portable(config("http_api"))
    assert AgentFactory.portable(config("custom", **{"class": "given_agents:X"}))
    assert not AgentFactory.portable(config("custom", **{"class": "__main__:X"}))
    assert not AgentFactory.portable(config("echo"))
    registered("custom", Echo)
    assert not AgentFactory.portable(config("custom"))


def test_an_unknown_custom_param_is_refused_where_the_type_knows_its_own(registered):
    registered("strict", Strict)
    registered("echo", Echo)
    AgentFactory.create(config("echo", anything=1))
    AgentFactory.create(config("strict", special_config=1))
    with pytest.raises(AgentMisconfigured, match='custom_params has no "specialconfig"; did you mean'):
        AgentFactory.create(config("strict", specialconfig=1))


def test_an_agent_that_cannot_be_made_is_misconfigured_unless_it_says_otherwise(registered):
    registered("broken", Broken)
    with pytest.raises(AgentMisconfigured, match="Broken can't be made: no such disk"):
        AgentFactory.create(config("broken", raises="value"))
    with pytest.raises(AuthRefused, match="not you"):
        AgentFactory.create(config("broken", raises="agent"))


def test_the_factory_is_where_the_original_had_it():
    assert base.AgentFactory is registry.AgentFactory
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = base.Nothing


async def test_an_agent_has_defaults_for_what_surrounds_a_call_and_needs_no_open_or_close():
    agent = Echo(config("x"))
    await agent.open()
    assert (agent.call.attempt, agent.call.timeout, agent.call.idempotency_key) == (1, 30.0, None)
    await agent.close()


def test_the_registry_imports_neither_an_http_client_nor_mcp_nor_prefect():
    code = (
        "import sys; from leadagent_prefect.agents.registry import AgentFactory\n"
        "from leadagent_prefect.agents import http_api, ai_agent\n"
        "print(sorted({'httpx', 'httpx2', 'httpcore', 'mcp', 'prefect'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
