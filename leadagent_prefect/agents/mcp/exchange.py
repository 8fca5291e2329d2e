"""What one call's HTTP messages came to.

The MCP SDK turns every answer of 400 and more into one error without status and Retry-After, and a lost
connection into the end of the session. It does send each message in the context of the call it belongs
to; so a record held there is filled by our HTTP transport, and read when the call has failed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class Exchange:
    """One call, or the opening of a session. ``deadline`` is in the event loop's time.

    ``key`` is sent as ``Idempotency-Key`` with messages of the JSON-RPC method ``method`` and with no
    other: listings that the SDK makes for a call must not be answered from a gateway's memory of it.
    """

    deadline: float = math.inf
    #: What the deadline was made of, for messages.
    seconds: float = math.inf
    method: str = ""
    key: str | None = None
    status: int | None = None
    retry_after: float | None = None
    content_type: str = ""
    body: str = ""
    error: BaseException | None = None
    #: The server knows the session of this call no more, and has done nothing for it.
    session_lost: bool = False
    renewed: bool = False
    #: The caller has its answer, or is gone; what is still sent (the note of a cancellation) has little time.
    over: bool = False
    #: Ends the wait of the caller.
    on_failure: Callable[[], object] = field(default=lambda: None, repr=False)

    @classmethod
    def within(cls, seconds: float, method: str = "", key: str | None = None) -> Exchange:
        """One that may take so long from now."""
        now = asyncio.get_running_loop().time()
        return cls(deadline=now + seconds, seconds=seconds, method=method, key=key)

    def remaining(self) -> float:
        """Seconds until the deadline, 0 after it."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def give_up(self, error: BaseException | None = None) -> None:
        """No answer will come, but the SDK would go on waiting for one."""
        self.error = error
        self.over = True
        self.on_failure()

    def renew(self) -> None:
        """The call is made once more, in another session."""
        self.over = self.session_lost = False
        self.renewed = True


current_exchange: ContextVar[Exchange | None] = ContextVar("leadagent_mcp_exchange", default=None)
