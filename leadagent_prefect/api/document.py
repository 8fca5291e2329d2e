"""A workflow as it comes in a request: read strictly, and held to what may come from outside at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from leadagent_prefect.api.problems import Problem, of_diagnostics
from leadagent_prefect.api.restrictions import restrict
from leadagent_prefect.api.settings import Settings
from leadagent_prefect.api.stored import Stored, server_named
from leadagent_prefect.diagnostics import Diagnostic
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.inputs import check_inputs
from leadagent_prefect.loader import Loaded, examine, load
from leadagent_prefect.source import Document

#: Bytes of the inputs of a run; Prefect refuses parameters of twice that.
MAX_INPUTS = 256 * 1024
_OTHER_PARAMETERS = 1024


@dataclass(frozen=True)
class Submission:
    """The workflow of a body, with its places in it, and the inputs that came with it."""

    document: Document
    inputs: Mapping[str, Any]


def submission_of(document: Document) -> Submission:
    """The body is the workflow itself, or ``{"workflow": ..., "inputs": ...}``."""
    data = document.data
    if "workflow" not in data or not data.keys() <= {"workflow", "inputs"}:
        return Submission(document, {})
    workflow, inputs = data["workflow"], data.get("inputs", {})
    if not isinstance(workflow, Mapping) or not isinstance(inputs, Mapping):
        raise Problem(422, '"workflow" and "inputs" are to be mappings')
    nodes = document.root.children if document.root is not None else None
    assert isinstance(nodes, dict)  # the data is a mapping, which was read from text
    part = Document(document.text, document.filename, root=nodes["workflow"], data=workflow)
    return Submission(part, inputs)


def findings(submission: Submission, settings: Settings) -> list[Diagnostic]:
    """All that is wrong with the workflow, by itself and because it came from outside."""
    _, found = examine(submission.document, {})  # with no parts, so that no file of this machine is read
    found += restrict(submission.document, settings)
    # Here it would be stored, and shown to whoever may look into the server.
    found = [replace(one, severity="error") if one.code == "literal-credential" else one for one in found]
    return sorted(dict.fromkeys(found), key=lambda one: one.sort_key)


def accepted(submission: Submission, settings: Settings) -> Loaded:
    """The workflow; `Problem` 422 with every diagnostic where it is not to be run."""
    found = findings(submission, settings)
    errors = [one for one in found if one.severity == "error"]
    if errors:
        raise of_diagnostics(422, found)
    return load(submission.document.data, parts={})


def checked_inputs(loaded: Loaded, submission: Submission) -> str:
    """The inputs as one JSON text; `Problem` 422 where they don't fit, 413 where they are too many bytes."""
    text = json.dumps(submission.inputs, separators=(",", ":"))
    # Prefect counts them as a text within a text, in which quotes and backslashes are two characters.
    within = len(json.dumps(text))
    if len(text) > MAX_INPUTS or within > 2 * MAX_INPUTS - _OTHER_PARAMETERS:
        raise Problem(413, f"the inputs have {len(text):,} bytes of JSON; at most {MAX_INPUTS:,} are taken")
    try:
        check_inputs(loaded.workflow, submission.inputs)
    except ConfigurationError as error:
        raise Problem(422, str(error)) from None
    return text


def stored(loaded: Loaded, owner: str, settings: Settings, denied: tuple[tuple[str, int], ...]) -> Stored:
    """What is kept of it for its run, with what the operator allows it as of now."""
    data = loaded.document.data
    names = {server_named(agent.get("endpoint")) for agent in data.get("agents", [])}
    return Stored(
        workflow=data,
        owner=owner,
        allow_networks=tuple(map(str, settings.allow_networks)),
        denied=denied,
        commands={name: settings.mcp_servers[name] for name in sorted(names) if name},
    )
