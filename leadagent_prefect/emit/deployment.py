"""A workflow as one deployment of prefect.yaml."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadagent_prefect.diagnostics import quote
from leadagent_prefect.emit.placeholders import unsafe
from leadagent_prefect.errors import ConfigurationError
from leadagent_prefect.models import ScheduleConfig, Workflow
from leadagent_prefect.naming import TAG, prefect_name

#: What the workflow's file says: rewritten each time. All else in an entry is its user's.
OWNED = ("entrypoint", "version", "description", "tags", "schedules")
_EPOCH = datetime(2020, 1, 1)  # noqa: DTZ001 - midnight in the time zone of each schedule


@dataclass(frozen=True)
class Deployment:
    """What one workflow owns of prefect.yaml. ``schedules`` are items as they stand there.

    ``entrypoint`` is ``flows/digest.py:digest``, seen from the folder of prefect.yaml, with forward slashes.
    """

    name: str
    entrypoint: str
    version: str
    description: str | None
    tags: tuple[str, ...]
    schedules: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, workflow: Workflow, entrypoint: str) -> Deployment:
        """Raises `ConfigurationError` for text that Prefect would change: see `placeholders`."""
        made = cls(
            name=prefect_name(workflow.name),
            entrypoint=entrypoint,
            version=workflow.version,
            description=workflow.description or None,
            tags=(*(tag for tag in workflow.tags if tag != TAG), TAG),
            schedules=tuple(_schedule(schedule) for schedule in workflow.schedule),
        )
        if problems := list(made._problems()):
            lines = (f"workflow {quote(workflow.name)}: {problem}" for problem in problems)
            raise ConfigurationError("\n".join(lines))
        return made

    def _problems(self) -> Iterator[str]:
        if self.name.endswith(".py"):
            yield 'its name ends with ".py", which Prefect takes away: name it otherwise'
        yield from unsafe(self.name, "its name")
        yield from unsafe(self.entrypoint, "the path of its flow")
        yield from unsafe(self.version, "its version")
        yield from unsafe(self.description, "its description")
        yield from unsafe(self.tags, "tags")
        yield from unsafe(self.schedules, "schedule")
        slugs = [schedule["slug"] for schedule in self.schedules if "slug" in schedule]
        for slug in sorted({slug for slug in slugs if slugs.count(slug) > 1}):
            yield f"two of its schedules have the slug {quote(slug)}"

    @property
    def owned(self) -> dict[str, Any]:
        """The keys of `OWNED` with their values; no description is None."""
        return {
            "entrypoint": self.entrypoint,
            "version": self.version,
            "description": self.description,
            "tags": list(self.tags),
            "schedules": [dict(schedule) for schedule in self.schedules],
        }


def _schedule(schedule: ScheduleConfig) -> dict[str, Any]:
    """All that a change must reach is said: Prefect leaves ``active`` of a known slug alone otherwise."""
    item: dict[str, Any] = {}
    if schedule.cron is not None:
        item["cron"] = schedule.cron
    elif schedule.interval is not None:
        item["interval"] = int(schedule.interval) if schedule.interval.is_integer() else schedule.interval
        # Prefect's default is the time of the deployment: a daily one, deployed daily, would never run.
        item["anchor_date"] = _midnight(schedule.timezone)
    else:
        item["rrule"] = schedule.rrule
    if schedule.timezone is not None:
        item["timezone"] = schedule.timezone
    if schedule.inputs:
        item["parameters"] = dict(schedule.inputs)
    item["active"] = schedule.active
    if schedule.slug is not None:
        item["slug"] = schedule.slug
    return item


def _midnight(timezone: str | None) -> str:
    return _EPOCH.replace(tzinfo=zoneinfo.ZoneInfo(timezone or "UTC")).isoformat()


def with_gone(
    wanted: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """``wanted``, and switched off what ``prefect deploy`` would leave running of the items ``before``.

    It can't take away the last schedule of a deployment, nor one that has a slug: they stay on the server as
    they were. And it refuses a schedule without a slug where the server's all have one.
    """
    named = {item["slug"]: {**item, "slug": None} for item in before if item.get("slug")}
    found: list[dict[str, Any]] = []
    for item in wanted:
        same = (slug for slug, known in named.items() if known == {**item, "slug": None})
        found.append({**item, **({"slug": slug} if (slug := item.get("slug") or next(same, None)) else {})})
        named.pop(slug, None)
    gone = [item for item in before if not wanted or item.get("slug") in named]
    found += [{**item, "active": False} for item in gone]
    if any(item.get("slug") for item in found):
        taken = {item.get("slug") for item in found}
        fresh = (f"schedule-{number}" for number in range(1, 2 * len(found) + 1))
        free = (slug for slug in fresh if slug not in taken)
        found = [{**item, "slug": item.get("slug") or next(free)} for item in found]
    return found
