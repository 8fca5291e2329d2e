"""The result store of a workflow's run: it reads plain JSON, whatever a record says of itself.

A record in Prefect's form names the serializer that is to read it, pickle too, which runs what is in it; and
others may write to the storage. A record that is not plain JSON is as good as not there: the step is called
again.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from prefect._internal.result_records import ResultRecord, ResultRecordMetadata
from prefect.context import FlowRunContext
from prefect.filesystems import WritableFileSystem
from prefect.results import ResultStore, get_default_result_storage, get_result_store
from prefect.serializers import JSONSerializer

from leadagent_prefect.engine.store.private import private

#: Plain JSON, both ways: Prefect's own "json" revives ``{"__class__": ...}`` in an answer by calling it.
PLAIN_JSON = JSONSerializer(object_encoder=None, object_decoder=None)

#: What such a record says of its serializer.
_SAYS_PLAIN = {"type": "json", "object_encoder": None, "object_decoder": None}


class PlainStore(ResultStore):
    """Prefect makes the stores of a run's tasks as copies of the run's own."""

    async def _aexists(self, key: str) -> bool:
        try:
            await self._aread(key, "")
        except Exception:  # noqa: BLE001  # there is none, or what is there is not ours
            return False
        return True

    async def _aread(self, key: str, holder: str) -> ResultRecord[Any]:
        assert self.result_storage is not None  # the results of runs and tasks are kept
        return _record(await self.result_storage.read_path(key), key)


def _record(content: bytes, key: str) -> ResultRecord[Any]:
    """Raises ValueError for a record that is to be read otherwise than as plain JSON."""
    written = json.loads(content)
    if not _SAYS_PLAIN.items() <= written["metadata"]["serializer"].items():
        raise ValueError(f"the record {key} is not plain JSON")
    place = {name: written["metadata"].get(name) for name in ("storage_key", "storage_block_id")}
    metadata = ResultRecordMetadata(**place, serializer=PLAIN_JSON)
    record = ResultRecord[Any](metadata=metadata, result=json.loads(written["result"]))
    record.mark_persisted()
    return record


async def storage() -> WritableFileSystem:
    """Where the results of the flow run, or task run, are kept that goes on; Prefect's default otherwise."""
    found: Any = get_result_store().result_storage
    # In a thread: Prefect's own coroutine for it never closes the client that it makes.
    make: Any = get_default_result_storage
    found = found or private(await asyncio.to_thread(make))
    assert isinstance(found, WritableFileSystem)  # anything else can't keep results
    return found


def read_plain_json_alone(context: FlowRunContext) -> None:
    """From now on, for the tasks of the flow run."""
    store = context.result_store
    fields = {name: getattr(store, name) for name in type(store).model_fields}
    context.result_store = PlainStore(**{**fields, "result_storage": private(store.result_storage)})
