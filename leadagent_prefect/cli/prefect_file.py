"""prefect.yaml in the working folder, as `compile` and `deploy` change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leadagent_prefect.cli.changes import Change
from leadagent_prefect.cli.compiling import Compiled
from leadagent_prefect.emit.deployment import Deployment
from leadagent_prefect.emit.prefect_yaml import FILENAME, Tuned, update
from leadagent_prefect.errors import ConfigurationError


def deployment_change(
    compiled: Sequence[Compiled], *, tuned: Tuned | None = None, force: bool = False, keep_gone: bool = True
) -> Change:
    """prefect.yaml with the deployments of ``compiled``, not yet written: see `update`.

    Raises `ConfigurationError` with what is wrong with each workflow, or with the file.
    """
    path = Path(FILENAME)
    old = _read(path)
    deployments, problems = [], []
    for one in compiled:
        try:
            deployments.append(Deployment.of(one.workflow, one.entrypoint))
        except ConfigurationError as error:
            problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    text = update(old, deployments, tuned=tuned or Tuned(), force=force, keep_gone=keep_gone)
    return Change(path, text, old)


def _read(path: Path) -> str | None:
    """Its text with its own line breaks, which a file that is partly ours has to keep."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: byte {error.start} is no UTF-8; nothing was written") from None
