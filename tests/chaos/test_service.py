"""The service that the experiments watch: what it answers, and what it writes down."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from chaos import chaos_service


def _post(url: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=b"{}", headers=named)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def test_the_service_answers_by_rule_and_writes_down_every_request(tmp_path):
    with chaos_service(tmp_path / "history.jsonl") as service:
        assert _post(f"{service.url}/run-1/pay", Idempotency_Key="k1", X_Worker="w") == 200
        service.rule("/", status=500)
        service.rule("/run-1/fetch", delay=0.05)
        with pytest.raises(urllib.error.HTTPError):
            _post(f"{service.url}/run-1/pay", Idempotency_Key="k1")
        assert _post(f"{service.url}/run-1/fetch", Idempotency_Key="k2", X_Attempt="7") == 200
        history = service.history()
    first, second, third = history.requests
    assert (first.task, first.attempt, first.worker, first.status) == ("pay", 1, "w", 200)
    assert (second.attempt, second.status) == (2, 500)
    assert (third.run, third.attempt) == ("run-1", 7)
    assert third.t_end - third.t_start >= 0.05
    assert history.keys("run-1", "pay") == {"k1"}
    assert history.of("fetch") == [third]
    assert not history.repeated()
    assert history.between(first.t_start, second.t_start) == [first]
