"""A server that ends neither with its stdin nor on SIGTERM."""

from __future__ import annotations

import os
import signal
import time

from mcp.server.mcpserver import MCPServer

signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = MCPServer("stubborn", log_level="CRITICAL")


@server.tool(structured_output=False)
def t() -> str:
    return str(os.getpid())


server.run()
time.sleep(600)
