"""`mlserve webhooks`: who is told what happens, and how that goes."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mlserve.application import Application
from mlserve.cli.actor import actor
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import comma, print_table
from mlserve.cli.registry import reason_option
from mlserve.cli.times import last_time, time_cell
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import ConfigurationError
from mlserve.events import Author
from mlserve.events.outbox import DISABLED
from mlserve.ids import Ids
from mlserve.webhooks import standing
from mlserve.webhooks.declared import Webhook, declared, rules_of
from mlserve.webhooks.message import ping
from mlserve.webhooks.posting import Poster
from mlserve.webhooks.signing import read_signer
from mlserve.webhooks.standing import Failure

name_argument = click.argument("name")


@click.group()
def webhooks() -> None:
    """List, test, enable and remove the webhooks that are told what happens."""


@webhooks.command(name="list")
@ini_argument
def list_webhooks(ini: Path) -> None:
    """List the webhooks of all servers on this database, with what they are still to be told."""
    with built(ini) as application:
        ours = {hook.name for hook in declared(application.settings)}
        with opened_by_operator(application) as database, database.read() as connection:
            rows = standing.listed(connection)
    names = {row["name"] for row in rows}
    print_table(
        ("name", "events", "models", "state", "due", "given up", "last delivered", "last error"),
        [
            (
                row["name"],
                comma(row["kinds"]) or "all",
                comma(row["models"]) or "all",
                _state(row) + ("" if row["name"] in ours else ", not in this INI"),
                str(row["due"]),
                str(row["given_up"]),
                last_time(row["last_delivered_at"]),
                row["last_error"],
            )
            for row in rows
        ]
        + [(name, "", "", "no server has started with it", "", "", "", "") for name in sorted(ours - names)],
    )


@webhooks.command()
@ini_argument
@name_argument
def test(ini: Path, name: str) -> None:
    """Send a signed webhook_ping to the webhook NAME now, and say what it answers.

    The exit status is 1 unless that is 2xx.
    """
    with built(ini) as application:
        hook = _declared(application, name)
        signer = read_signer(hook.secret, hook.secret_key)
        poster = Poster(hook.url, rules_of(application.settings).timeout)
        body = ping(name, datetime.now(UTC))
        began = time.monotonic()
        outcome = poster.post(body, signer.headers(Ids()(), int(time.time()), body))
        took = time.monotonic() - began
    if isinstance(outcome, Failure):
        raise click.ClickException(f"{name} has not taken it: {outcome.error}.")
    click.echo(f"{name} answered {outcome} in {1000 * took:.0f} ms.")


@webhooks.command()
@ini_argument
@name_argument
@reason_option
def enable(ini: Path, name: str, reason: str) -> None:
    """Let the webhook NAME be told again, at once; what happened while it was disabled is not sent."""
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        due = standing.enable(connection, name, datetime.now(UTC), Author(actor(), reason))
    click.echo(f"{name} is active; deliveries that are due: {due}.")


@webhooks.command()
@ini_argument
@name_argument
@reason_option
def remove(ini: Path, name: str, reason: str) -> None:
    """Remove the webhook NAME, with what it is still to be told.

    Take it out of every INI first: a server that has it there declares it again.
    """
    with built(ini) as application, opened_by_operator(application) as database, database.write() as connection:
        due = standing.forget(connection, name, Author(actor(), reason))
    click.echo(f"{name} is removed, with {due} deliveries that were due.")


def _declared(application: Application, name: str) -> Webhook:
    """Raises ConfigurationError."""
    for hook in declared(application.settings):
        if hook.name == name:
            return hook
    raise ConfigurationError(f"There is no mlserve.webhooks.{name} in this INI.")


def _state(row: dict[str, Any]) -> str:
    if row["state"] == DISABLED:
        return f"disabled {time_cell(row['disabled_at'])}"
    since = row["failing_since"]
    return str(row["state"]) if since is None else f"failing since {time_cell(since)}"
