"""`mlserve deploy`: a bundle becomes a version, and an alias names it."""

from pathlib import Path

import click

from mlserve.cli.lifecycle import Lifecycle, Order
from mlserve.cli.names import require_name
from mlserve.cli.registry import alias_option, force_option, reason_option, revision_option, tell_move
from mlserve.cli.target import on_lifecycle
from mlserve.cli.waiting import wait_until_it_answers


@click.command()
@on_lifecycle
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="The model; default: as the bundle says.")
@alias_option
@click.option("--register-only", is_flag=True, help="Register the version, and move no alias.")
@reason_option
@force_option
@revision_option
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With a URL: so long for the server to answer by the version; 0: not at all. Default: 60.",
)
def deploy(
    lifecycle: Lifecycle,
    bundle: Path,
    name: str | None,
    alias: str,
    register_only: bool,
    reason: str,
    force: bool,
    revision: int | None,
    wait: float | None,
) -> None:
    """Register a bundle as a version, and let an alias name it.

    BUNDLE is an archive or a folder; with an INI, a model file with its sidecars too. With an INI the bundle is asked
    its golden predictions first. The servers on the database load it, prove it, and then answer by it.
    """
    if wait is not None and not lifecycle.watches:
        raise click.UsageError("--wait is for the URL of a server: an INI leads to none that could be asked.")
    require_name(alias, "an alias")
    order = None if register_only else Order(alias, reason, force, revision)
    deployed = lifecycle.deploy(bundle, name, reason, order)
    how = "is registered" if deployed.new else "was registered before"
    click.echo(f"{deployed.model} version {deployed.number} {how}: {deployed.digest}")
    if deployed.move is not None:
        tell_move(deployed.move)
        if lifecycle.watches and wait != 0:
            wait_until_it_answers(lifecycle, deployed, alias, 60.0 if wait is None else wait)
