"""Versions and aliases as their resources and the command line tell of them, in JSON values."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from mlserve.api.times import time_text
from mlserve.inference import LiveModel
from mlserve.names import CHAMPION
from mlserve.registry.aliases import Alias
from mlserve.registry.registered import Known


def describe_version(
    row: Mapping[str, Any],
    named: Iterable[Alias],
    live: LiveModel | None,
    *,
    known: Known | None = None,
    whole: bool = False,
) -> dict[str, Any]:
    """A row of the table; `named` are its model's aliases, `live` what this process has of the model.

    `known` is what this process has heard of the version. `whole` adds what the bundle says.
    """
    state, reason = _state(row, live, known)
    told: dict[str, Any] = {
        "number": row["number"],
        "digest": row["digest"],
        "family": row["family"],
        "aliases": [alias.alias for alias in named if alias.version == row["number"]],
        "state": state,
        "reason": reason,
        "description": row["description"],
        "tags": row["tags"],
        "created_at": time_text(row["created_at"]),
        "created_by": row["created_by"],
        "retired_at": _optional(row["retired_at"]),
    }
    if whole:
        content, provenance = row["manifest"]["content"], row["manifest"]["provenance"]
        told |= {
            "metrics": content["metrics"],
            "card": content.get("card", {}),
            # Where the file lay on its machine is its operator's business, not the callers'.
            "provenance": {name: value for name, value in provenance.items() if name != "source"},
            "golden": len((content["golden"] or {"instances": ()})["instances"]),
            "signature": row["signature"],
        }
    return told


def _state(row: Mapping[str, Any], live: LiveModel | None, known: Known | None) -> tuple[str, str]:
    """How a version is doing in this process, and why."""
    status = None if live is None else live.statuses.get(row["number"])
    if status is not None:
        return status.state, status.reason
    if row["retired_at"] is None:
        return "idle", ""
    # A process that has not heard of it yet may still answer by its number.
    return ("retired", "") if known is None or known.retired else ("draining", "")


def describe_alias(alias: Alias, live: LiveModel | None, before: int | None) -> dict[str, Any]:
    """`before` is where a rollback would lead."""
    return {
        "alias": alias.alias,
        "version": alias.version,
        "answers": answering(live, alias.alias),
        "revision": alias.revision,
        "moved_at": time_text(alias.moved_at),
        "moved_by": alias.moved_by,
        "before": before,
    }


def answering(live: LiveModel | None, alias: str) -> int | None:
    """The number of the version that answers for an alias in this process right now."""
    if live is None:
        return None
    loaded = live.champion if alias == CHAMPION else live.aliases.get(alias)
    return None if loaded is None else loaded.lineage.version


def _optional(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)
