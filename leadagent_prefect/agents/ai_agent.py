"""Agents of type ``ai_agent``: one question to a language model a call, its reply under one set of names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from leadagent_prefect.agents.ai_anthropic import Anthropic
from leadagent_prefect.agents.ai_openai import OpenAI
from leadagent_prefect.agents.ai_prompt import Asked, asked, wants_json
from leadagent_prefect.agents.ai_reply import data_of
from leadagent_prefect.agents.answers import Answer
from leadagent_prefect.agents.base import BaseAgent
from leadagent_prefect.agents.exchange import Outgoing
from leadagent_prefect.agents.http_client import HttpClient
from leadagent_prefect.agents.http_options import HTTP_PARAMS
from leadagent_prefect.agents.payload import encode_json, parse_json
from leadagent_prefect.agents.urls import Address
from leadagent_prefect.errors import AgentError, AgentMisconfigured, ClientError, InvalidOutput
from leadagent_prefect.models import AgentConfig
from leadagent_prefect.results import AgentResponse

if TYPE_CHECKING:
    import httpx


class Dialect(Protocol):
    """A provider's form: where to send, what to send, and how to read what comes back."""

    headers: ClassVar[dict[str, str]]

    def url(self, address: Address, kind: str) -> httpx.URL: ...

    def body(self, asked: Asked) -> dict[str, Any]: ...

    def result(self, kind: str, raw: Any) -> dict[str, Any]: ...


PROVIDERS: dict[str, Dialect] = {"openai": OpenAI(), "anthropic": Anthropic()}


class AIAgent(BaseAgent):
    """Asks for chat completions and embeddings; see docs/agents.md.

    A chat's result is ``{content, role, model, finish_reason, usage, tool_calls}``, and ``data`` where JSON
    was asked for; an embedding's is ``{embeddings, model, usage}``. ``metadata.raw`` is the whole reply.
    """

    known_params: ClassVar[frozenset[str] | None] = HTTP_PARAMS | {"provider", "defaults"}

    def __init__(self, config: AgentConfig) -> None:
        super().__init__(config)
        provider = config.custom_params.get("provider", "openai")
        if not isinstance(provider, str) or provider not in PROVIDERS:
            raise AgentMisconfigured(
                f'agent "{config.name}": custom_params.provider is {provider!r}, expected openai or anthropic'
            )
        self._dialect = PROVIDERS[provider]
        self._defaults = config.custom_params.get("defaults") or {}
        if not isinstance(self._defaults, Mapping):
            raise AgentMisconfigured(f'agent "{config.name}": custom_params.defaults must be a mapping')
        self._http = HttpClient(config, {"accept": "application/json", **self._dialect.headers})

    async def open(self) -> None:
        self._http.open()

    async def execute(self, action: str, parameters: dict[str, Any]) -> AgentResponse:
        """The reply to ``parameters``; what is no reply of the provider's form is `InvalidOutput`."""
        question = asked(action, parameters, self._defaults, self.call.upstream)
        answer = await self._http.send(self._request(question))
        metadata = answer.metadata
        try:
            metadata["raw"] = parse_json(answer.body, "the reply")
            result = self._dialect.result(question.kind, metadata["raw"])
            if question.kind == "chat" and wants_json(question.options):
                result["data"] = data_of(result)
        except InvalidOutput as exc:
            failure = answer.failure(InvalidOutput, exc.message)
            failure.metadata = metadata
            raise failure from None
        return AgentResponse(success=True, result=result, metadata=metadata)

    async def close(self) -> None:
        await self._http.close()

    def _request(self, question: Asked) -> Outgoing:
        headers = {"content-type": "application/json"}
        if self.call.idempotency_key:
            headers["idempotency-key"] = self.call.idempotency_key
        where = f'agent "{self.config.name}": parameters'
        return Outgoing(
            method="POST",
            url=self._dialect.url(self._http.address, question.kind),
            headers=headers,
            content=encode_json(self._dialect.body(question), where),
            timeout=self.call.timeout,
            failure=_failure,
        )


def _failure(answer: Answer, note: str) -> AgentError:
    """What a refused answer stands for.

    An account without quota gets 429 as well, and no wait mends that: it is a `ClientError`, which is not
    tried again by default, where haste is `RateLimited`.
    """
    if answer.status == 429 and _out_of_quota(answer):
        return answer.failure(ClientError, "no quota is left; waiting does not help")
    return answer.failure(note=note)


def _out_of_quota(answer: Answer) -> bool:
    try:
        error = parse_json(answer.body, "the reply")["error"]
        return "insufficient_quota" in (error.get("code"), error.get("type"))
    except (InvalidOutput, LookupError, TypeError, AttributeError):
        return False
