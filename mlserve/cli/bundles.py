"""`mlserve bundles`: the store of bundles, and what of it nobody needs any more."""

from pathlib import Path

import click

from mlserve.application import Application
from mlserve.cli.db import age_of
from mlserve.cli.ini import built, ini_argument
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import NotSupported
from mlserve.registry import service
from mlserve.registry.loading import store_of


@click.group()
def bundles() -> None:
    """Remove the bundles that no version uses."""


@bundles.command()
@ini_argument
@click.option("--older-than", metavar="AGE", default="1d", show_default=True, help="Put there longer ago than this.")
@click.option(
    "--also",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another INI whose servers use the same store with another database.",
)
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
def gc(ini: Path, older_than: str, also: tuple[Path, ...], dry_run: bool) -> None:
    """Remove the bundles that no version uses.

    Those of retired versions stay, since past predictions are explained by them.
    """
    age = age_of(older_than)
    used: set[str] = set()
    for other in also:
        with built(other) as application:
            used |= _digests(application, other)
    with built(ini) as application:
        used |= _digests(application, ini)
        removed = store_of(application).collect(used, older_than=age, dry_run=dry_run)
    for digest in removed:
        click.echo(digest)
    one = len(removed) == 1
    count = "1 bundle" if one else f"{len(removed):,} bundles"
    done = "would be" if dry_run else "was" if one else "were"
    click.echo(f"{count} that no version uses, older than {older_than}, {done} removed.")


def _digests(application: Application, ini: Path) -> set[str]:
    """Those that versions use. Raises NotSupported where there are none: it may be the wrong database."""
    with opened_by_operator(application) as database, database.read() as connection:
        found = service.digests(connection)
    if not found:
        raise NotSupported(
            f"The registry of {ini} has no version, so that every bundle would go: is it the right database? Nothing "
            "was removed."
        )
    return found
