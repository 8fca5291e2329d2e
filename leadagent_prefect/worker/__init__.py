"""The warm Prefect worker: deployed runs in forks of one process that has imported everything already.

Prefect finds it as the worker type ``leadagent`` by the entry point group ``prefect.collections``.

The order of things: `LeadAgentWorker` (in the worker's process) learns of a run from `listener` or by
polling, and asks the `forkserver` (a process of its own, by way of `launcher`) for a fork, which does
in `child` what Prefect's own engine process does. `job` is what is said to the fork.
"""

from __future__ import annotations

from leadagent_prefect.worker.prefect_worker import LeadAgentWorker

__all__ = ["LeadAgentWorker"]
