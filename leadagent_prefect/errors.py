"""Every exception leadagent raises, and whether a call that raised it may be tried again.

::

    LeadAgentError
    ├── ConfigurationError       a workflow file, option or input is wrong; carries diagnostics
    ├── PrefectUnavailable       the Prefect API can't be reached or started; carries the remedy
    └── AgentError               one call to an agent failed; ``error_class`` decides on a retry
        ├── AgentTimeout         timeout
        ├── ConnectionFailed     connection
        ├── RateLimited          rate_limit       425, 429
        ├── ServerError          server_error     5xx
        ├── ClientError          client_error     other 4xx, a redirect that is not followed
        ├── AuthRefused          auth             401, 403: never tried again
        ├── ToolError            tool_error       an MCP tool's own error
        ├── InvalidOutput        invalid_output   an answer that is not what was asked for
        ├── CircuitOpen          circuit_open
        ├── TemplateError        template         never tried again
        ├── AgentMisconfigured   configuration    never tried again
        ├── CallCancelled        cancelled        never tried again
        └── InternalError        internal         a bug, in leadagent or in a custom agent

The classes are those of the ``error_class`` of a task in a run's result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from leadagent_prefect.diagnostics import Diagnostic

ErrorClass = Literal[
    "timeout",
    "connection",
    "rate_limit",
    "server_error",
    "client_error",
    "auth",
    "tool_error",
    "invalid_output",
    "circuit_open",
    "template",
    "configuration",
    "cancelled",
    "internal",
]

#: Tried again whatever ``retry_on`` says? Never: a second try can't end otherwise.
FINAL_CLASSES: frozenset[str] = frozenset({"auth", "template", "configuration", "cancelled"})


class LeadAgentError(Exception):
    """Base of every exception that leadagent raises on purpose."""


class ConfigurationError(LeadAgentError):
    """A workflow, option or input is wrong. Nothing has run.

    ``diagnostics`` holds every problem that was found, sorted by position; it is empty only where
    the mistake has no place (an option of the command line).
    """

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class PrefectUnavailable(LeadAgentError):
    """The Prefect API can't be reached or started; the message ends with what to do."""


class AgentError(LeadAgentError):
    """A call to an agent failed.

    ``metadata`` is JSON data that a template may read as ``tasks.NAME.metadata`` (the HTTP status,
    say). ``retry_after`` is in seconds from now, as the service asked for.
    """

    error_class: ClassVar[ErrorClass] = "internal"

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.retry_after = retry_after


class AgentTimeout(AgentError):
    error_class = "timeout"


class ConnectionFailed(AgentError):
    error_class = "connection"


class RateLimited(AgentError):
    error_class = "rate_limit"


class ServerError(AgentError):
    error_class = "server_error"


class ClientError(AgentError):
    error_class = "client_error"


class AuthRefused(AgentError):
    error_class = "auth"


class ToolError(AgentError):
    error_class = "tool_error"


class InvalidOutput(AgentError):
    error_class = "invalid_output"


class CircuitOpen(AgentError):
    error_class = "circuit_open"


class TemplateError(AgentError):
    error_class = "template"


class AgentMisconfigured(AgentError):
    error_class = "configuration"


class CallCancelled(AgentError):
    error_class = "cancelled"


class InternalError(AgentError):
    error_class = "internal"


def error_for(error_class: str) -> type[AgentError]:
    """The exception class of an ``error_class``; `InternalError` for a word that is none."""
    return next((c for c in AgentError.__subclasses__() if c.error_class == error_class), InternalError)
