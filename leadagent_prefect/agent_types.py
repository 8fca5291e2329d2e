"""The names of agent types that need no look at installed packages: built in, or registered in this process.

The names alone: which class serves a type is the business of `agents.registry`, and checking a file needs
no agent.
"""

from __future__ import annotations

#: ``custom`` is a type without a class of its own: the file names it, or the process has registered one.
CUSTOM = "custom"
BUILT_IN = frozenset({"ai_agent", "http_api", "mcp_server"})
#: What `AgentFactory.register_agent_type` has taken, ``custom`` too.
REGISTERED: set[str] = set()
#: The group of entry points by which packages bring types of their own.
GROUP = "leadagent_prefect.agents"
