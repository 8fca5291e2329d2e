"""What the server tells of itself."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

_ENDPOINTS = {"health": "/api/v1/health", "workflows": "/api/v1/workflows"}


class Index(BaseModel):
    """The service, and where its endpoints and pages are."""

    name: str = Field(examples=["leadagent"])
    version: str = Field(examples=["0.1.0"])
    docs: str = Field(examples=["/docs"])
    redoc: str = Field(examples=["/redoc"])
    openapi: str = Field(examples=["/openapi.json"])
    endpoints: dict[str, str] = Field(examples=[_ENDPOINTS])


class Health(BaseModel):
    """``degraded`` is a server whose Prefect does not answer."""

    status: Literal["healthy", "degraded"]
    service: str = Field(examples=["leadagent"])
    version: str = Field(examples=["0.1.0"])
    timestamp: datetime = Field(examples=["2026-01-15T10:30:00Z"])
    prefect: Literal["reachable", "unreachable"]


class Alive(BaseModel):
    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
