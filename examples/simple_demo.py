"""The least there is to see: a workflow as a dict, run, its result. python examples/simple_demo.py"""

from __future__ import annotations

from typing import Any

from servers import Services

from leadagent_prefect import LeadAgent


def workflow(address: str) -> dict[str, Any]:
    titles = "{{ tasks.fetch.result.articles | map(attribute='title') | list }}"
    return {
        "name": "simple_demo",
        "agents": [{"name": "news", "type": "http_api", "endpoint": address}],
        "tasks": [
            {
                "name": "fetch",
                "agent_name": "news",
                "action": "GET",
                "parameters": {"endpoint": "/sources/wire"},
            },
            {
                "name": "publish",
                "agent_name": "news",
                "action": "POST",
                "parameters": {"endpoint": "/digests", "json": {"titles": titles}},
            },
        ],
    }


def main() -> None:
    with Services(tools=False) as services:
        result = LeadAgent(say=print).execute_workflow_from_dict_sync(workflow(services.url))
    print(f"Status: {result.status}")
    print(f"Published at: {result.results['publish']['url']}")


if __name__ == "__main__":
    main()
