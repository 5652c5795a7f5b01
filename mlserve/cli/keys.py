"""`mlserve keys`: the keys that programs call with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from mlserve.auth import keys as store
from mlserve.auth.key_text import MARK
from mlserve.cli.actor import actor
from mlserve.cli.callers import check_name, model_option, models_of, role_option, warn_of_unknown
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import comma, print_table
from mlserve.cli.registry import reason_option
from mlserve.cli.times import AGE, last_time, time_cell
from mlserve.db.wiring import opened_by_operator
from mlserve.events import Author


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of callers."""


@keys.command()
@ini_argument
@click.argument("name", callback=check_name)
@role_option
@model_option
@click.option("--expires", type=AGE, help="When it stops working, such as 90d; default: never.")
@reason_option
def create(
    ini: Path, name: str, roles: tuple[str, ...], models: tuple[str, ...], expires: float | None, reason: str
) -> None:
    """Make a key for the caller NAME, and print it.

    It is shown this once. NAME stands in the records of what the key asks for; two keys of one name are one caller.
    """
    end = None if expires is None else datetime.now(UTC) + timedelta(seconds=expires)
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        made = store.create(connection, name, roles, Author(actor(), reason), models=models or None, expires_at=end)
        warn_of_unknown(application, connection, models)
    click.echo(made.text)
    click.echo("Keep it now: it cannot be shown again. Send it as Authorization: Bearer KEY.", err=True)


@keys.command(name="list")
@ini_argument
def list_keys(ini: Path) -> None:
    """List the keys, revoked and expired ones too, without their secrets."""
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        rows = store.listed(connection)
    print_table(
        ("key", "name", "roles", "models", "created", "by", "last used", "state"),
        [
            (
                f"{MARK}_{row['id']}",
                row["name"],
                comma(row["roles"]),
                models_of(row["models"]),
                time_cell(row["created_at"]),
                row["created_by"],
                last_time(row["last_used_at"]),
                _state(row),
            )
            for row in rows
        ],
    )


@keys.command()
@ini_argument
@click.argument("key")
@reason_option
def revoke(ini: Path, key: str, reason: str) -> None:
    """Revoke KEY: one by its id, as `mlserve keys list` shows it, or by itself; or all of a name.

    Servers refuse it within mlserve.auth.interval.
    """
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        revoked = store.revoke(connection, key, Author(actor(), reason))
    click.echo(f"Revoked: {', '.join(f'{MARK}_{identity}' for identity in revoked)}.")


def _state(row: dict[str, Any]) -> str:
    if row["revoked_at"] is not None:
        return f"revoked {time_cell(row['revoked_at'])} by {row['revoked_by']}"
    if row["expires_at"] is None:
        return "works"
    word = "expired" if row["expires_at"] <= datetime.now(UTC) else "works until"
    return f"{word} {time_cell(row['expires_at'])}"
