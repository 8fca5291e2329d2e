"""What a run is given by reference: the workflow's data and what its operator allows it, in a Prefect block.

A flow run's parameters are shown in clear, and Prefect acts on some keys in them. A block's secret field is
encrypted, and nothing looks into it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate
from prefect.exceptions import ObjectAlreadyExists
from pydantic import SecretStr

SLUG = "leadagent-workflow"
#: A block that is used says so at most as often, by the time of its last change.
USED_EVERY: Final = timedelta(hours=12)


class WorkflowText(Block):
    """A workflow that was taken over HTTP. It is made by the REST API server, and is not to be edited."""

    _block_type_name = "leadagent workflow"
    _block_type_slug = SLUG
    _description = "A workflow that was taken over HTTP, with what its operator allows it."

    text: SecretStr


@dataclass(frozen=True)
class Stored:
    """``workflow`` is plain data. ``owner`` is whose run it is; ``allow_networks`` are CIDRs; ``denied`` are
    addresses (host, port) that no request may go to; ``commands`` start the MCP servers it names.
    """

    workflow: Mapping[str, Any]
    owner: str
    allow_networks: tuple[str, ...] = ()
    denied: tuple[tuple[str, int], ...] = ()
    commands: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def name(self) -> str:
        """That of its block: the owner's, and the digest of all that is in it."""
        return f"{self.owner}-{hashlib.sha256(self.text.encode()).hexdigest()[:40]}"

    def runnable(self) -> dict[str, Any]:
        """The workflow with the commands in the places of the servers' names."""
        agents = [
            {**agent, "endpoint": f"stdio:{self.commands[_server(agent)]}"} if _server(agent) else agent
            for agent in self.workflow.get("agents", [])
        ]
        return {**self.workflow, "agents": agents}


def _server(agent: Mapping[str, Any]) -> str:
    return server_named(agent.get("endpoint"))


def server_named(endpoint: Any) -> str:
    """``time`` of ``stdio:time``; empty for any other endpoint."""
    mark, colon, name = endpoint.partition(":") if isinstance(endpoint, str) else ("", "", "")
    return name.strip() if colon and mark.lower() == "stdio" else ""


async def keep(client: PrefectClient, stored: Stored) -> str:
    """Sees to it that the block is there, and gives its name."""
    document = BlockDocumentCreate(
        name=stored.name,
        data={"text": stored.text},
        block_schema_id=WorkflowText._block_schema_id,
        block_type_id=WorkflowText._block_type_id,
    )
    try:
        await client.create_block_document(document)
    except ObjectAlreadyExists:  # of equal content: the name is its digest
        await use(client, stored.name)
    return stored.name


async def use(client: PrefectClient, name: str) -> None:
    """The block is needed, and is not to be taken for one that nobody uses any more.

    Raises `prefect.exceptions.ObjectNotFound` where it has been.
    """
    document = await client.read_block_document_by_name(name, SLUG, include_secrets=False)
    assert document.id is not None  # it has been read
    assert document.updated is not None  # as above
    if document.updated < datetime.now(timezone.utc) - USED_EVERY:
        await client.update_block_document(document.id, BlockDocumentUpdate(data={}))


async def fetch(client: PrefectClient, name: str) -> Stored:
    """What `keep` has kept under this name."""
    document = await client.read_block_document_by_name(name, SLUG)
    data = json.loads(document.data["text"])
    denied = tuple((host, port) for host, port in data.pop("denied"))
    return Stored(**{**data, "denied": denied, "allow_networks": tuple(data["allow_networks"])})
