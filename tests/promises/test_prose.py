"""Promises of the original README that stand in its prose."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from leadagent_prefect import LeadAgent


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        running.connections = 0
        # Closing waits for the threads of requests; these end when the client's connections do.
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


async def test_the_calls_of_an_agent_share_a_connection(server, prefect_api):
    result = await LeadAgent().execute_workflow_from_dict(
        {
            "name": "pooled",
            "agents": [
                {"name": "api", "type": "http_api", "endpoint": f"http://127.0.0.1:{server.server_port}"}
            ],
            "tasks": [{"name": f"call_{n}", "agent_name": "api", "action": "GET"} for n in range(5)],
        }
    )
    assert result.completed_tasks == 5
    assert server.connections == 1
