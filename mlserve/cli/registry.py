"""What the verbs of the life cycle share: arguments, options, and how a move is told."""

import click

from mlserve.cli.lifecycle import Move
from mlserve.names import CHAMPION

model_argument = click.argument("model")
version_argument = click.argument("version", type=click.IntRange(1, 2**31 - 1))
alias_option = click.option("--alias", default=CHAMPION, show_default=True, help="The alias to move.")
reason_option = click.option("--reason", default="", help="Why: kept in the history.")
force_option = click.option(
    "--force", is_flag=True, help="Also where the signature breaks callers, or the family is not enabled."
)
revision_option = click.option(
    "--revision",
    type=click.IntRange(0, 2**31 - 1),
    help="Only if the alias is still at the revision that you have seen, 0: if there is none. Default: what is there.",
)


def tell_move(move: Move) -> None:
    """Say what an alias names from now on."""
    alias = move.after
    if not move.changed:
        click.echo(f"{alias['alias']} of {move.model} names version {alias['version']} already.")
        return
    came = "" if move.before is None else f", was version {move.before['version']}"
    click.echo(
        f"{alias['alias']} of {move.model} names version {alias['version']} (revision {alias['revision']}{came})."
    )
