"""`mlserve bundles`: the store of bundles, and what of it nobody needs any more."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import click

from mlserve.application import Application
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.times import AGE
from mlserve.db.engine import Database
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import NotSupported
from mlserve.registry import service
from mlserve.registry.loading import store_of


@click.group()
def bundles() -> None:
    """Remove the bundles that no version uses."""


@bundles.command()
@ini_argument
@click.option("--older-than", type=AGE, default="1d", show_default=True, help="Put there longer ago than this.")
@click.option(
    "--also",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another INI whose servers use the same store with another database.",
)
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
def gc(ini: Path, older_than: float, also: tuple[Path, ...], dry_run: bool) -> None:
    """Remove the bundles that no version uses.

    Those of retired versions stay, since past predictions are explained by them.
    """
    with ExitStack() as stack:
        databases = []
        for each in (*also, ini):  # The last one's store is collected.
            application = stack.enter_context(built(each))
            databases.append(stack.enter_context(_opened(application, each)))
        used = {digest for database in databases for digest in _digests(database)}
        unused = partial(still_unused, databases)
        removed = store_of(application).collect(used, older_than=older_than, dry_run=dry_run, unused=unused)
    for digest in removed:
        click.echo(digest)
    one = len(removed) == 1
    count = "1 bundle" if one else f"{len(removed):,} bundles"
    done = "would be" if dry_run else "was" if one else "were"
    click.echo(f"{count} that no version uses, older than {AGE.text(older_than)}, {done} removed.")


@contextmanager
def _opened(application: Application, ini: Path) -> Iterator[Database]:
    """The database. Raises NotSupported where its registry has no version: it may be the wrong one."""
    with opened_by_operator(application) as database:
        if not _digests(database):
            raise NotSupported(
                f"The registry of {ini} has no version, so that every bundle would go: is it the right database? "
                "Nothing was removed."
            )
        yield database


def _digests(database: Database) -> set[str]:
    """Those that versions use."""
    with database.read() as connection:
        return service.digests(connection)


@contextmanager
def still_unused(databases: Sequence[Database], digest: str) -> Iterator[bool]:
    """Whether still no version uses it, in any of the databases; nobody registers one as long as the block runs."""
    with ExitStack() as stack:
        connections = [stack.enter_context(database.write()) for database in databases]
        for connection in connections:
            service.hold_registrations(connection)
        yield not any(service.uses(connection, digest) for connection in connections)
