"""What a run came to, out of Prefect's result storage. Read as JSON, whatever a record asks for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from prefect._internal.result_records import ResultRecordMetadata
from prefect.client.schemas.objects import State
from prefect.filesystems import LocalFileSystem
from prefect.results import aget_default_result_storage, aresolve_result_storage

from leadagent_prefect.results import WorkflowResult

_log = logging.getLogger("leadagent.api")


async def result_of(state: State[Any] | None) -> WorkflowResult | None:
    """The result of a run that has ended; None where there is none, or it can't be read from here."""
    metadata = state.data if state is not None else None
    if not isinstance(metadata, ResultRecordMetadata) or metadata.storage_key is None:
        return None
    try:
        return WorkflowResult.model_validate_json(
            await (await _storage(metadata)).read_path(metadata.storage_key)
        )
    except (OSError, ValueError) as error:
        _log.warning("the result of a run can't be read: %s", type(error).__name__)
        return None


async def _storage(metadata: ResultRecordMetadata) -> Any:
    if metadata.storage_block_id is not None:
        return await aresolve_result_storage(metadata.storage_block_id)
    if Path(str(metadata.storage_key)).is_absolute():
        return LocalFileSystem(basepath=str(Path(str(metadata.storage_key)).parent))
    return await aget_default_result_storage()
