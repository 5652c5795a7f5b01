"""`mlserve users`: the people who log in to the pages."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mlserve.auth import users as store
from mlserve.auth.passwords import Passwords, fault_of
from mlserve.cli.actor import actor
from mlserve.cli.callers import check_name, model_option, models_of, role_option, warn_of_unknown
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import comma, print_table
from mlserve.cli.registry import reason_option
from mlserve.cli.times import last_time, time_cell
from mlserve.db.wiring import opened_by_operator
from mlserve.events import Author

_stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from the standard input, one line."
)


@click.group()
def users() -> None:
    """Add, list and remove the people who log in to the pages."""


@users.command()
@ini_argument
@click.argument("name", callback=check_name)
@role_option
@model_option
@_stdin_option
@reason_option
def add(ini: Path, name: str, roles: tuple[str, ...], models: tuple[str, ...], from_stdin: bool, reason: str) -> None:
    """Add the user NAME, and ask for the password."""
    with built(ini) as application, opened_by_operator(application) as database:
        hashed = Passwords().hash(_password(from_stdin=from_stdin))
        with database.write() as connection:
            store.add(connection, name, hashed, roles, Author(actor(), reason), models=models or None)
            warn_of_unknown(application, connection, models)
    click.echo(f"Added {name}.")


@users.command(name="list")
@ini_argument
def list_users(ini: Path) -> None:
    """List the users."""
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        rows = store.listed(connection)
    print_table(
        ("name", "roles", "models", "created", "by", "last login", "state"),
        [
            (
                row["name"],
                comma(row["roles"]),
                models_of(row["models"]),
                time_cell(row["created_at"]),
                row["created_by"],
                last_time(row["last_login_at"]),
                _state(row),
            )
            for row in rows
        ],
    )


@users.command()
@ini_argument
@click.argument("name")
@reason_option
def remove(ini: Path, name: str, reason: str) -> None:
    """Remove the user NAME, whose sessions end."""
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        store.remove(connection, name, Author(actor(), reason))
    click.echo(f"Removed {name}.")


@users.command()
@ini_argument
@click.argument("name")
@_stdin_option
@reason_option
def password(ini: Path, name: str, from_stdin: bool, reason: str) -> None:
    """Give the user NAME another password, which ends their sessions and any lock."""
    with built(ini) as application, opened_by_operator(application) as database:
        hashed = Passwords().hash(_password(from_stdin=from_stdin))
        with database.write() as connection:
            store.set_password(connection, name, hashed, Author(actor(), reason))
    click.echo(f"{name} has another password; sessions of the old one end now.")


def _password(*, from_stdin: bool) -> str:
    text: str
    if from_stdin:
        text = sys.stdin.readline().rstrip("\r\n")
    else:
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if (fault := fault_of(text)) is not None:
        raise click.UsageError(f"The password {fault}.")
    return text


def _state(row: dict[str, Any]) -> str:
    until = row["locked_until"]
    locked = until is not None and until > datetime.now(UTC)
    return f"locked until {time_cell(until)}" if locked else "may log in"
