"""Numbers of this process for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """A registry of its own: what else counts in this process, Prefect above all, is not of this server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ["method", "route"]
        self._requests = Counter(
            "leadagent_http_requests", "Requests answered", [*labels, "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "leadagent_http_seconds", "Seconds to the end", labels, registry=self._registry, buckets=_SECONDS
        )
        self.submitted = Counter("leadagent_runs_submitted", "Runs taken on", registry=self._registry)

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; those that no route serves count together, whatever their path."""
        known = method if method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS") else "other"
        self._requests.labels(known, route or "none", str(status)).inc()
        self._seconds.labels(known, route or "none").observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)
