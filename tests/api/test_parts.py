"""The parts of the server one by one: settings, keys, addresses, the stream of events."""

from __future__ import annotations

import re
import socket
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest

from leadagent_prefect.api.events import SILENT_LOOKS, stream
from leadagent_prefect.api.keys import KeyFile
from leadagent_prefect.api.network import RunPolicy
from leadagent_prefect.api.prefect_side import unavailable
from leadagent_prefect.api.settings import Settings, read_settings
from leadagent_prefect.errors import ConfigurationError

# --- settings ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("serve.yaml", "port: 1234\nallow_networks: [10.0.0.0/8]\nmcp_servers: {time: mcp-server-time}\n"),
        (
            "serve.toml",
            'port = 1234\nallow_networks = ["10.0.0.0/8"]\n[mcp_servers]\ntime = "mcp-server-time"\n',
        ),
    ],
)
def test_options_go_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch, name, text):
    path = tmp_path / name
    path.write_text(text)
    monkeypatch.setenv("LEADAGENT_SERVE_HOST", "127.0.0.2")
    monkeypatch.setenv("LEADAGENT_SERVE_PORT", "2345")
    monkeypatch.setenv("LEADAGENT_SERVE_ALLOW_SECRETS", "{TOKEN: [https://api.example.com]}")
    found = read_settings({"host": "127.0.0.3"}, path)
    assert (found.host, found.port, str(found.allow_networks[0])) == ("127.0.0.3", 2345, "10.0.0.0/8")
    assert found.mcp_servers == {"time": "mcp-server-time"}
    assert found.allow_secrets == {"TOKEN": ("https://api.example.com",)}


#: Every option, as it stands in a variable, and what it then is.
OPTIONS = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("1234", 1234),
    "debug": ("true", True),
    "reload": ("true", True),
    "workers": ("3", 3),
    "insecure": ("true", True),
    "worker": ("false", False),
    "pool": ("other", "other"),
    "limit": ("4", 4),
    "api_keys": ("/tmp/keys.json", Path("/tmp/keys.json")),
    "allow_networks": ("[10.0.0.0/8]", (ip_network("10.0.0.0/8"),)),
    "allow_secrets": ("{A: [https://a.example]}", {"A": ("https://a.example",)}),
    "allow_types": ("[http_api]", ("http_api",)),
    "mcp_servers": ("{time: mcp-server-time}", {"time": "mcp-server-time"}),
    "allowed_hosts": ("[a.example]", ("a.example",)),
    "trusted_proxies": ("[10.0.0.1]", ("10.0.0.1",)),
    "rate_limit": ("5/second", "5/second"),
    "rate_limit_redis": ("redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
    "keep_days": ("7", 7),
    "agent_test_limit": ("6/hour", "6/hour"),
    "max_body_bytes": ("4096", 4096),
}


def test_every_option_stands_in_the_environment_in_the_file_and_in_the_docs(tmp_path, monkeypatch):
    assert OPTIONS.keys() == Settings.model_fields.keys()
    expected = {name: value for name, (_, value) in OPTIONS.items()}
    path = tmp_path / "serve.yaml"
    path.write_text("".join(f"{name}: {text}\n" for name, (text, _) in OPTIONS.items()))
    assert dict(read_settings({}, path)) == expected
    for name, (text, _) in OPTIONS.items():
        monkeypatch.setenv(f"LEADAGENT_SERVE_{name.upper()}", text)
    assert dict(read_settings({})) == expected
    page = Path(__file__).parents[2].joinpath("docs/rest-api.md").read_text()
    table = page.split("## Settings")[1].split("| key |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table.replace("`leadagent-rest`", ""))) >= set(OPTIONS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot: 1", "prot"),
        ("port: 70000", "port"),
        ("rate_limit: many", 'write it like "600/minute"'),
        ("allow_networks: [10.0.0.1/8]", "allow_networks"),
        ("- 1", "not a mapping"),
        ("a: [", "can't be read"),
    ],
)
def test_a_setting_that_is_wrong_is_named(tmp_path, text, said):
    (tmp_path / "serve.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_settings({}, tmp_path / "serve.yaml")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("LEADAGENT_SERVE_PROT", "1", "no option"), ("LEADAGENT_SERVE_ALLOW_TYPES", "[", "not YAML")],
)
def test_a_variable_that_is_wrong_is_named(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=said):
        read_settings({})


def test_a_config_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"serve\.yaml can't be read"):
        read_settings({}, tmp_path / "serve.yaml")


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("api.example", False)],
)
def test_loopback_is_told_from_other_addresses(host, inside):
    assert read_settings({"host": host}).on_loopback == inside


# --- keys ---


def test_a_key_is_kept_as_a_hash_in_a_private_file(tmp_path):
    file = KeyFile(tmp_path / "inner" / "keys.json")
    assert (file.exists, file.all()) == (False, [])
    key, text = file.create("ci", ["submit", "read"])
    kept = (tmp_path / "inner" / "keys.json").read_text()
    assert (key.scopes, text in kept, text.split("_", 2)[2] in kept) == (("read", "submit"), False, False)
    assert (tmp_path / "inner" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert file.find(text.encode()) == key
    assert key.allows("read")
    assert not key.allows("cancel")


@pytest.mark.parametrize("token", [b"", b"la_", "schlüssel".encode("latin-1"), b"la_00000000_" + b"x" * 43])
def test_what_is_no_key_is_nobodys(tmp_path, token):
    file = KeyFile(tmp_path / "keys.json")
    file.create("ci", ["read"])
    assert file.find(token) is None


def test_another_process_sees_a_new_key_and_one_that_is_revoked_at_once(tmp_path):
    here, there = KeyFile(tmp_path / "keys.json"), KeyFile(tmp_path / "keys.json")
    _, text = here.create("ci", ["admin"])
    assert there.find(text.encode()) is not None
    here.create("other", ["read"])
    here.revoke("ci")
    assert there.find(text.encode()) is None
    assert there.exists
    with pytest.raises(ConfigurationError, match="no key named"):
        here.revoke("ci")
    with pytest.raises(ConfigurationError, match="already"):
        here.create("other", ["read"])


def test_a_file_of_something_else_is_no_file_of_keys(tmp_path):
    (tmp_path / "keys.json").write_text('{"a": 1}')
    with pytest.raises(ConfigurationError, match="no file of API keys"):
        KeyFile(tmp_path / "keys.json").all()


# --- addresses ---

PRIVATE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.8", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
    "2001::1",
    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "::127.0.0.1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address):
    assert not RunPolicy((), ()).allows("name.example", ip_address(address), 80)


def test_public_addresses_and_allowed_networks_are_let_through():
    policy = RunPolicy(("10.1.0.0/16", "fd00::/8"), ())
    for address in ("93.184.216.34", "2606:4700::1111", "10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        assert policy.allows("name.example", ip_address(address), 443)
    assert not policy.allows("name.example", ip_address("10.2.0.1"), 443)


def test_the_servers_own_addresses_are_refused_whatever_is_allowed():
    everything = ("0.0.0.0/0", "::/0")
    policy = RunPolicy(everything, (("127.0.0.1", 8000), ("prefect.invalid", 4200), ("192.0.2.7", 4200)))
    refused = [
        ("127.0.0.1", "127.0.0.1", 8000),
        ("x.example", "::ffff:127.0.0.1", 8000),
        ("x.example", "127.0.0.5", 8000),
        ("x.example", "::1", 8000),
        ("PREFECT.invalid.", "203.0.113.9", 4200),
        ("x.example", "192.0.2.7", 4200),
    ]
    assert [policy.allows(host, ip_address(address), port) for host, address, port in refused] == [False] * 6
    assert policy.allows("127.0.0.1", ip_address("127.0.0.1"), 8001)
    assert policy.allows("x.example", ip_address("203.0.113.9"), 8000)


def test_a_server_on_all_addresses_is_refused_at_each_of_the_machine(monkeypatch):
    policy = RunPolicy(("0.0.0.0/0",), (("0.0.0.0", 8000),))
    monkeypatch.setattr(socket.socket, "bind", lambda *args: None)  # as for an address of this machine
    assert not policy.allows("x.example", ip_address("10.0.0.7"), 8000)
    assert policy.allows("x.example", ip_address("10.0.0.7"), 8001)


# --- Prefect ---


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (httpx.ConnectError("x"), True),
        (TimeoutError(), True),
        (RuntimeError("Failed to reach API at http://x"), True),
        (ValueError("x"), False),
        (
            httpx.HTTPStatusError(
                "x", request=httpx.Request("GET", "http://x"), response=httpx.Response(503)
            ),
            True,
        ),
        (
            httpx.HTTPStatusError(
                "x", request=httpx.Request("GET", "http://x"), response=httpx.Response(422)
            ),
            False,
        ),
    ],
)
def test_a_prefect_that_is_away_is_told_from_a_mistake(error, away):
    assert unavailable(error) is away


# --- events ---


class Client:
    """Prefect's client with a script: at every look one more event, then the end."""

    def __init__(self, *looks, final=True, ago=0.0):
        self.looks, self.seen, self.final = list(looks), [], final
        self.ended, self.looked = datetime.now(timezone.utc) - timedelta(seconds=ago), 0

    async def read_flow_run(self, _):
        self.looked += 1
        over = self.final and len(self.looks) <= 1
        return SimpleNamespace(state=SimpleNamespace(is_final=lambda: over, timestamp=self.ended))

    async def read_events(self, _, limit):
        self.seen += self.looks.pop(0) if self.looks else []
        half = len(self.seen) // 2
        rows = [SimpleNamespace(id=name, event=f"leadagent.{name}", payload={}) for name in self.seen]
        self.rest = rows[half:]
        return SimpleNamespace(events=rows[:half], next_page="http://next")

    async def read_events_page(self, _):
        return SimpleNamespace(events=self.rest, next_page=None)


async def events_of(client, last=None):
    run = SimpleNamespace(id=uuid4(), created=datetime.now(timezone.utc))

    async def pause(seconds):
        """No time passes."""

    return [text async for text in stream(client, run, last, pause)]


def names(texts):
    return [line[7:] for text in texts for line in text.splitlines() if line.startswith("event: ")]


async def test_events_come_as_they_happen_and_end_with_the_run():
    texts = await events_of(Client(["workflow_started"], [], ["task_started"], ["workflow_finished"]))
    assert names(texts) == ["workflow_started", "task_started", "workflow_finished"]
    assert texts[0] == "id: workflow_started\nevent: workflow_started\ndata: {}\n\n"


async def test_events_go_on_after_the_one_that_was_seen_last():
    looks = ["workflow_started", "task_started"], ["workflow_finished"]
    assert names(await events_of(Client(*looks), "workflow_started")) == ["task_started", "workflow_finished"]
    assert len(names(await events_of(Client(*looks), "unknown"))) == 3


async def test_a_stream_ends_for_a_run_that_never_said_so_and_is_kept_open_meanwhile():
    texts = await events_of(Client(["workflow_started"], *[[]] * (SILENT_LOOKS + 1)))
    assert (texts[1], len(texts)) == (": still there\n\n", 2)


async def test_of_a_run_that_ended_long_ago_no_more_events_are_waited_for():
    client = Client(["task_started"], ago=3600.0)
    assert names(await events_of(client)) == ["task_started"]
    assert client.looked == 1
