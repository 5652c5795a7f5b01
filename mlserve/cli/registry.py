"""What the verbs of the life cycle share: arguments, options, and how a move is told."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from mlserve.cli.lifecycle import Lifecycle, Move
from mlserve.cli.names import require_name
from mlserve.cli.output import say
from mlserve.cli.target import SIGNATURE_BREAKS
from mlserve.cli.waiting import wait_until_it_answers
from mlserve.names import CHAMPION


def _model(context: click.Context, parameter: click.Parameter, value: str) -> str:
    require_name(value, "a model")
    return value


model_argument = click.argument("model", callback=_model)
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
wait_option = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With a URL: so long for the server to answer by the version; 0: not at all. Default: 60.",
)


def require_server(lifecycle: Lifecycle, wait: float | None) -> None:
    """Raises UsageError where somebody wants to wait for a server, and none was named."""
    if wait is not None and not lifecycle.watches:
        raise click.UsageError("--wait is for the URL of a server: an INI leads to none that could be asked.")


@contextmanager
def told_ways_out() -> Iterator[None]:
    """Where the signature breaks callers, say what may be done."""
    try:
        yield
    except SIGNATURE_BREAKS as error:
        raise click.ClickException(
            f"{error.detail} Callers go on with an alias of its own, --alias NAME; --force lets it pass."
        ) from error


def follow_move(lifecycle: Lifecycle, move: Move, wait: float | None) -> None:
    """Say what an alias names from now on; with a server wait so many seconds until it answers so, None: 60."""
    alias = move.after
    if move.changed:
        came = "" if move.before is None else f", was version {move.before['version']}"
        say(f"{alias['alias']} of {move.model} names version {alias['version']} (revision {alias['revision']}{came}).")
    else:
        say(f"{alias['alias']} of {move.model} names version {alias['version']} already.")
    if lifecycle.watches and wait != 0:
        wait_until_it_answers(lifecycle, move, 60.0 if wait is None else wait)
