"""How an MCP server is spoken to: one session a server, kept for a run, over HTTP or a child process."""
