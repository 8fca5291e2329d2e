"""What an operator sets: options, environment variables and the config file, in that order."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from leadagent_prefect.agents.registry import BUILT_IN
from leadagent_prefect.embedded.configured import tomllib
from leadagent_prefect.embedded.home import ServerHome
from leadagent_prefect.errors import ConfigurationError

PREFIX = "LEADAGENT_SERVE_"
POOL = "leadagent-rest"


def _is_rate(text: str) -> str:
    from limits import parse

    try:
        parse(text)
    except ValueError:
        raise ValueError('write it like "600/minute"') from None
    return text


def _is_redis(text: str | None) -> str | None:
    if text is None:
        return None
    if not text.startswith(("redis://", "rediss://")):
        raise ValueError("write it like redis://127.0.0.1:6379/1")
    if importlib.util.find_spec("redis") is None:
        raise ValueError("it takes the package redis: pip install 'leadagent-prefect[redis]'")
    return text


def _keys_beside_the_server() -> Path:
    return ServerHome.current().folder / "api-keys.json"


Rate = Annotated[str, AfterValidator(_is_rate)]
Redis = Annotated[str | None, AfterValidator(_is_redis)]


class Settings(BaseModel):
    """Every option of the server; its fields are the keys of the config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="the address it listens on")
    port: int = Field(8000, ge=0, le=65535, description="the port it listens on")
    debug: bool = Field(False, description="a log of more words")
    reload: bool = Field(False, description="start anew when the code changes")
    workers: int = Field(1, ge=1, description="server processes")
    insecure: bool = Field(False, description="listen on other addresses without API keys")
    worker: bool = Field(True, description="start a worker that executes the runs")
    pool: str = Field(POOL, min_length=1, description="the work pool of the runs")
    limit: int = Field(10, ge=1, description="runs at a time of that worker")
    api_keys: Path = Field(default_factory=_keys_beside_the_server, description="the file of the API keys")
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="private networks that workflows may send requests to (CIDR)"
    )
    allow_secrets: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="secrets that workflows may use, each with the origins it may go to"
    )
    allow_types: tuple[str, ...] = Field(tuple(BUILT_IN), description="agent types that workflows may use")
    mcp_servers: Mapping[str, str] = Field(
        default_factory=dict, description="commands of MCP servers on stdio, by the name workflows give"
    )
    allowed_hosts: tuple[str, ...] = Field((), description="names besides loopback in the Host header")
    trusted_proxies: tuple[str, ...] = Field((), description="proxies whose X-Forwarded headers count")
    rate_limit: Rate = Field("600/minute", description="requests of one key from one address")
    agent_test_limit: Rate = Field("30/minute", description="calls of POST /agents/test by one key")
    rate_limit_redis: Redis = Field(None, description="a Redis in which all servers count requests together")
    keep_days: int = Field(30, ge=1, description="days for which workflows that nobody sends again are kept")
    max_body_bytes: int = Field(2 * 1024 * 1024, ge=1024, description="bytes of one request's body")

    @property
    def on_loopback(self) -> bool:
        """Can only this machine reach it?"""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_settings(given: Mapping[str, Any], config: Path | None = None) -> Settings:
    """``given`` are the options that were set; `ConfigurationError` names each that is wrong."""
    layers = [_of_file(config) if config is not None else {}, _of_environment(), dict(given)]
    values: dict[str, Any] = {}
    for layer in layers:
        values.update(layer)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ConfigurationError("the settings of the server: " + "\n".join(lines)) from None


def _of_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"the config file {path} can't be read: {error}") from None
    if not isinstance(data, dict):
        raise ConfigurationError(f"the config file {path} is not a mapping of options")
    return data


def _of_environment() -> dict[str, Any]:
    """``LEADAGENT_SERVE_PORT`` and the like; lists and mappings are written as in YAML."""
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    found: dict[str, Any] = {}
    for variable, text in os.environ.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in names:
            raise ConfigurationError(f"the environment variable {variable} is no option of the server")
        try:
            found[names[variable]] = yaml.safe_load(text) if text.strip()[:1] in ("[", "{") else text
        except yaml.YAMLError as error:
            raise ConfigurationError(f"the environment variable {variable} is not YAML: {error}") from None
    return found
