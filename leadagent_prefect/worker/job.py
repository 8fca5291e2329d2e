"""What a fork is told of its run, and the lines in which the worker and the fork server speak."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from leadagent_prefect.embedded import PrefectApi

#: What a run gets when its worker is gone. It ends a workflow at once, as the loss of the machine would:
#: another worker takes it up. A flow of another kind can't be taken up, and is cancelled.
LOST_SIGNAL: Final = signal.SIGUSR1
#: What tells a workflow that was asked to end to undo no more: it cuts calls short, and ends.
HURRY_SIGNAL: Final = signal.SIGUSR2


@dataclass(frozen=True)
class Known:
    """Something of the API that the worker has read already, so that the run need not: its name and tags."""

    kind: str
    key: str
    id: str
    name: str
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Job:
    """One flow run: the run as the API gives it, the whole environment, the folder it starts in.

    ``embedded`` says that the API is the embedded server, on which runs start one at a time. Where all
    that leads to the flow is a folder and an entrypoint, these are ``code``; otherwise it is None, and
    the deployment's own steps are taken. ``default_storage`` is the id of the block in which the API would
    have results kept, empty for none, and None where the run is to ask for itself.
    """

    flow_run: Mapping[str, Any]
    environment: Mapping[str, str]
    folder: str
    api_url: str
    embedded: bool
    code: tuple[str, str] | None
    known: Sequence[Known]
    default_storage: str | None = None

    @property
    def flow_run_id(self) -> str:
        return str(self.flow_run["id"])

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Job:
        return cls(**{**data, "known": [Known(**one) for one in data["known"]]})

    @property
    def api(self) -> PrefectApi:
        return PrefectApi(url=self.api_url, auth_string=None, embedded=self.embedded, ui_url="")


def line(**message: Any) -> bytes:
    """A message as it goes over the wire: one line of JSON."""
    return json.dumps(message).encode() + b"\n"


class Lines:
    """Bytes as they come, out as whole messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        return (json.loads(text) for text in whole)
