"""A model's life as its page shows it: what is live, its versions, and what happened. Nothing there changes it."""

from dataclasses import dataclass
from typing import Any

from mlserve import events
from mlserve.errors import DatabaseUnavailable
from mlserve.events import Event
from mlserve.events.headlines import headline
from mlserve.inference import LiveModel
from mlserve.registry import aliases, service
from mlserve.registry.described import describe_alias, describe_version

# The page is a glance; all of them are in the API.
VERSIONS = 10
EVENTS = 10


@dataclass(frozen=True)
class Life:
    """Aliases and versions as their resources tell of them, and the last events, each with its headline."""

    aliases: list[dict[str, Any]]
    versions: list[dict[str, Any]]
    events: list[tuple[Event, str]]
    more_versions: bool
    more_events: bool


def life_of(request: Any, model: LiveModel) -> Life | None:
    """None while the database cannot be used."""
    try:
        with request.mlserve.database.read() as connection:
            named = aliases.of_model(connection, model.name)
            rows = service.newest_versions(connection, model.name, limit=VERSIONS + 1)
            found = events.page(connection, model=model.name, changes=True, limit=EVENTS + 1)
    except DatabaseUnavailable:
        return None
    heard = request.mlserve.registry.registered
    moved = {alias.alias: alias.moved_at for alias in named}
    return Life(
        aliases=[{**describe_alias(alias, model, None), "moved_at": moved[alias.alias]} for alias in named],
        versions=[
            {
                **describe_version(row, named, model, known=heard.version(model.name, row["number"])),
                "created_at": row["created_at"],
            }
            for row in rows[:VERSIONS]
        ],
        events=[(event, headline(event)) for event in found[:EVENTS]],
        more_versions=len(rows) > VERSIONS,
        more_events=len(found) > EVENTS,
    )
