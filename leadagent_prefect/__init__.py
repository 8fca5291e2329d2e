"""Workflows of AI agents, MCP servers and HTTP APIs as Prefect flows."""
