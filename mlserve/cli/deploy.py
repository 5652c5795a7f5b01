"""`mlserve deploy`: a bundle becomes a version, and an alias names it."""

from pathlib import Path

import click

from mlserve.cli.lifecycle import Lifecycle, Order
from mlserve.cli.names import require_name
from mlserve.cli.output import say
from mlserve.cli.registry import (
    alias_option,
    follow_move,
    force_option,
    reason_option,
    require_server,
    revision_option,
    told_ways_out,
    wait_option,
)
from mlserve.cli.target import on_lifecycle


@click.command()
@on_lifecycle
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="The model; default: as the bundle says.")
@alias_option
@click.option("--register-only", is_flag=True, help="Register the version, and move no alias.")
@reason_option
@force_option
@revision_option
@wait_option
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
    require_server(lifecycle, wait)
    require_name(alias, "an alias")
    order = None if register_only else Order(alias, reason, force, revision)
    with told_ways_out():
        deployed = lifecycle.deploy(bundle, name, reason, order)
    how = "is registered" if deployed.new else "was registered before"
    say(f"{deployed.model} version {deployed.number} {how}: {deployed.digest}")
    if deployed.move is not None:
        follow_move(lifecycle, deployed.move, wait)
