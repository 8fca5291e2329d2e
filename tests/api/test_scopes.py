"""What a service does to the runs of one key, and what of that the runs of another meet."""

from __future__ import annotations

import pytest
from rest_servers import taken
from waiting import until

WORKFLOWS = "/api/v1/workflows"


@pytest.fixture
def client(keyed):
    with keyed.client(keyed.keys["alice"]) as client:
        yield client


def test_a_service_that_failed_for_one_key_is_called_for_another(keyed, client):
    """Breakers are scoped: whoever lets one open has not shut the service for all."""
    workflow = keyed.workflow(path="/echo")
    workflow["agents"][0]["circuit_breaker"] = {"failure_threshold": 1, "recovery_timeout": 600}
    workflow["agents"][0]["endpoint"] = keyed.service.url.replace("127.0.0.1", "localhost")
    workflow["tasks"][0]["retry_config"] = {"max_attempts": 1}
    workflow["tasks"][0]["parameters"]["endpoint"] = "/broken"

    def error_class(who):
        return keyed.ended(who, taken(who, workflow))["tasks"]["fetch_data"]["error_class"]

    with keyed.client(keyed.keys["bob"]) as bob:
        assert [error_class(who) for who in (client, client, bob)] == [
            "server_error",
            "circuit_open",
            "server_error",
        ]


@pytest.fixture
def holding(keyed):
    """The service, which lets nobody go from ``/hold`` before the test's end."""
    keyed.service.go.clear()
    yield keyed.service
    keyed.service.go.set()


@pytest.mark.parametrize("limit", [{"max_concurrency": 1}, {"rate_limit": "1/h"}], ids=str)
def test_a_limit_that_one_key_has_used_up_holds_up_no_other(keyed, client, holding, limit):
    workflow = keyed.workflow(path="/hold")
    endpoint = keyed.service.url.replace("127.0.0.1", "localhost")
    workflow["agents"][0].update(limit, endpoint=endpoint, timeout=160)

    def calls():
        return [path for path, _ in holding.requests].count("/hold")

    before = calls()
    first = taken(client, workflow)
    until(lambda: calls() == before + 1)
    second = taken(client, workflow)
    until(lambda: client.get(f"{WORKFLOWS}/{second}/status").json()["status"] == "running")
    with keyed.client(keyed.keys["bob"]) as bob:
        third = taken(bob, workflow)
        until(lambda: calls() == before + 2)
        client.delete(f"{WORKFLOWS}/{second}").raise_for_status()
        assert keyed.ended(client, second)["status"] == "cancelled"
        holding.go.set()
        assert keyed.ended(bob, third)["status"] == "completed"
    assert keyed.ended(client, first)["status"] == "completed"
    assert calls() == before + 2
