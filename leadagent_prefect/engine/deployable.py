"""A workflow as a Prefect flow that others can load: an emitted file in ``PREFECT_HOME``, and the flow in it.

Prefect can't deploy a closure ("Either an image or remote storage location must be provided"); a flow that
was loaded from a file it can.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from prefect import Flow

from leadagent_prefect.embedded.home import ServerHome, write_private
from leadagent_prefect.emit import emitted
from leadagent_prefect.loader import Loaded
from leadagent_prefect.naming import file_stem


def flow_of(loaded: Loaded) -> Flow[..., Any]:
    """The flow of a workflow, from a file that is made for it; equal workflows share one.

    Its deployments run in today's working folder, as ``leadagent run`` would.
    """
    home = ServerHome.current()
    home.create()
    folder = home.folder / "flows"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = emitted(loaded, folder, absolute=True)
    digest = hashlib.sha256(file.text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    path = folder / f"{file_stem(loaded.workflow.name)}-{digest}.py"
    if not path.exists():
        write_private(path, file.text.removesuffix("\n"))
    made: Any = Flow.from_source(str(Path.cwd()), f"{path}:{file.function}", _sync=True)  # type: ignore[call-arg]  # in a running loop too
    flow: Flow[..., Any] = made
    return flow
