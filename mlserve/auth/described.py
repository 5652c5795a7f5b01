"""Keys and users as their resources tell of them, in JSON values: no digest, no password."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mlserve.api.times import time_text


def describe_key(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `api_keys`."""
    return {
        "id": row["id"],
        "name": row["name"],
        "roles": row["roles"],
        "models": row["models"],
        "state": _state(row),
        "created_at": time_text(row["created_at"]),
        "created_by": row["created_by"],
        "expires_at": _optional(row["expires_at"]),
        "last_used_at": _optional(row["last_used_at"]),
        "revoked_at": _optional(row["revoked_at"]),
        "revoked_by": row["revoked_by"],
    }


def describe_user(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `users`."""
    until = row["locked_until"]
    return {
        "name": row["name"],
        "roles": row["roles"],
        "models": row["models"],
        "created_at": time_text(row["created_at"]),
        "created_by": row["created_by"],
        "last_login_at": _optional(row["last_login_at"]),
        "locked_until": None if until is None or until <= datetime.now(UTC) else time_text(until),
    }


def _state(row: Mapping[str, Any]) -> str:
    if row["revoked_at"] is not None:
        return "revoked"
    return "works" if row["expires_at"] is None or row["expires_at"] > datetime.now(UTC) else "expired"


def _optional(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)
