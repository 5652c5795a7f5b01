"""What the registry says right now, as one immutable value: read from the database, or from the host's snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, select

from mlserve.registry import service
from mlserve.registry.tables import aliases as aliases_table
from mlserve.registry.tables import models as models_table
from mlserve.registry.tables import versions as versions_table


class Wanted(NamedTuple):
    """What names a version that should answer: its model, its number there, and its bundle."""

    model: str
    version: int
    digest: str


class Known(NamedTuple):
    """What is known of a version without asking the database."""

    digest: str
    family: str
    retired: bool = False


@dataclass(frozen=True)
class Registered:
    """Versions by model and number, the number that each alias names by model, and each model's last declaration."""

    revision: int = -1
    versions: Mapping[str, Mapping[int, Known]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    declared: Mapping[str, str] = field(default_factory=dict)

    def version(self, model: str, number: int) -> Known | None:
        return self.versions.get(model, {}).get(number)

    def wanted(self, model: str, number: int) -> Wanted:
        """Raises KeyError for a version that is not registered, which no alias names."""
        return Wanted(model, number, self.versions[model][number].digest)


def read_registered(connection: Connection) -> Registered:
    """Whole and of one moment, as the transaction sees it."""
    # The revision first: what changes meanwhile has a higher one, and is read anew.
    revision = service.revision(connection)
    m, v, a = models_table.c, versions_table.c, aliases_table.c
    versions: dict[str, dict[int, Known]] = {}
    for row in connection.execute(select(v.model, v.number, v.digest, v.family, v.retired_at)):
        versions.setdefault(row.model, {})[row.number] = Known(row.digest, row.family, row.retired_at is not None)
    aliases: dict[str, dict[str, int]] = {}
    for model, alias, number in connection.execute(select(a.model, a.alias, a.version)):
        aliases.setdefault(model, {})[alias] = number
    declared = {row.name: row.declared for row in connection.execute(select(m.name, m.declared)) if row.declared}
    return Registered(revision, versions, aliases, declared)
