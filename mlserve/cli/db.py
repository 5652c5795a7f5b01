"""`mlserve db`: the database's tables, and how long predictions stay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.times import AGE, time_cell
from mlserve.db import migrate
from mlserve.db.wiring import opened_by_operator, told_to_operator
from mlserve.predictions import retention
from mlserve.predictions.family_tables import FamilyTables


@click.group()
def db() -> None:
    """Upgrade the tables, show their revision, purge predictions."""


@db.command()
@ini_argument
def upgrade(ini: Path) -> None:
    """Bring the tables to this version: the core's and the plugins'."""
    with built(ini) as application, told_to_operator():
        heads = migrate.upgrade(application.settings["mlserve.database.url"], application.migrations)
    click.echo(f"The database is at {', '.join(heads)}.")


@db.command()
@ini_argument
def current(ini: Path) -> None:
    """Show the revisions that the database has.

    The exit status is 1 when it lacks some.
    """
    with built(ini) as application, opened_by_operator(application) as database:
        revisions = migrate.current(database)
        well = migrate.is_current(database, application.migrations)
    click.echo(f"{', '.join(revisions) or 'no tables yet'}: {'up to date' if well else 'run mlserve db upgrade'}.")
    raise SystemExit(0 if well else 1)


@db.command()
@ini_argument
@click.option("--older-than", type=AGE, help="Such as 90d or 12h; default: mlserve.retention.age of the INI.")
@click.option("--dry-run", is_flag=True, help="Only say how much is older.")
def purge(ini: Path, older_than: float | None, dry_run: bool) -> None:
    """Remove what is older than an age.

    That is predictions with their actuals, actuals of none, and records set aside.
    """
    with built(ini) as application:
        age = application.settings["mlserve.retention.age"] if older_than is None else older_than
        if age is None:
            raise click.UsageError("Say --older-than AGE, or set mlserve.retention.age in the INI.")
        border = datetime.now(UTC) - timedelta(seconds=age)
        with opened_by_operator(application) as database:
            spool = application.var / "spool"
            if dry_run:
                old = retention.count(database, spool, border)
            else:
                tables = FamilyTables(application.prediction_tables, database.dialect)
                old = retention.purge(database, spool, border, tables=tables)
    click.echo(
        f"{old.predictions:,} predictions older than {time_cell(border)}, {old.actuals:,} actuals of unknown "
        f"predictions and {old.set_aside:,} records set aside {'would be' if dry_run else 'were'} removed."
    )
