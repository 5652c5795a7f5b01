"""`mlserve keys`: the keys that programs call with."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from mlserve.auth import keys as store
from mlserve.auth.key_text import MARK
from mlserve.cli.actor import actor
from mlserve.cli.callers import check_name, comma, last_time, model_option, models_of, role_option
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.db.wiring import opened_by_operator
from mlserve.settings import Setting
from mlserve.settings.values import parse


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of callers."""


@keys.command()
@ini_argument
@click.argument("name", callback=check_name)
@role_option
@model_option
@click.option("--expires", metavar="AGE", help="When it stops working, such as 90d; default: never.")
def create(ini: Path, name: str, roles: tuple[str, ...], models: tuple[str, ...], expires: str | None) -> None:
    """Make a key for the caller NAME, and print it.

    It is shown this once. NAME stands in the records of what the key asks for; two keys of one name are one caller.
    """
    end = None if expires is None else datetime.now(UTC) + timedelta(seconds=_age(expires))
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        made = store.create(connection, name, roles, models=models or None, expires_at=end, actor=actor())
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
                f"{row['created_at']:%Y-%m-%d %H:%M:%SZ}",
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
@click.option("--reason", default="", help="Why, for the history.")
def revoke(ini: Path, key: str, reason: str) -> None:
    """Revoke KEY: one by its id, as `mlserve keys list` shows it, or by itself; or all of a name.

    Servers refuse it within mlserve.auth.interval.
    """
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        revoked = store.revoke(connection, key, actor=actor(), reason=reason)
    click.echo(f"Revoked: {', '.join(f'{MARK}_{identity}' for identity in revoked)}.")


def _state(row: dict[str, Any]) -> str:
    if row["revoked_at"] is not None:
        return f"revoked {row['revoked_at']:%Y-%m-%d %H:%M:%SZ} by {row['revoked_by']}"
    if row["expires_at"] is None:
        return "works"
    word = "expired" if row["expires_at"] <= datetime.now(UTC) else "works until"
    return f"{word} {row['expires_at']:%Y-%m-%d %H:%M:%SZ}"


def _age(text: str) -> float:
    try:
        seconds: float = parse(Setting("mlserve.keys.expires", "duration", "90d", "", minimum=1), text, Path())
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: write {error}", param_hint="--expires") from None
    return seconds
