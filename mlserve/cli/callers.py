"""What the verbs about keys and users have in common."""

from collections.abc import Iterable

import click
from sqlalchemy import Connection

from mlserve.application import Application
from mlserve.auth.identity import NAME
from mlserve.auth.roles import ROLES
from mlserve.cli.output import comma
from mlserve.names import MODEL_NAME
from mlserve.registry import service


def check_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """A name that is safe in records, tables and on pages."""
    if not NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r}: write at most 100 letters, digits and . _ @ -, a letter or digit first.")
    return value


def _check_models(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not MODEL_NAME.fullmatch(name):
            raise click.BadParameter(f"{name!r} is not a model's name.")
    return value


role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(ROLES),
    help="What the caller may do; may be given again.",
)
model_option = click.option(
    "--model",
    "models",
    multiple=True,
    callback=_check_models,
    metavar="NAME",
    help="The only model that it is for; may be given again. Default: all.",
)


def warn_of_unknown(application: Application, connection: Connection, models: Iterable[str]) -> None:
    """Say which of the models that a caller is bound to nobody knows: they may be misspelt, or still to come."""
    known = {*application.settings.model_names, *(row["name"] for row in service.models(connection))}
    for name in sorted({*models} - known):
        click.echo(f"There is no model {name!r} yet.", err=True)


def models_of(names: Iterable[str] | None) -> str:
    """The models that a caller is bound to, in a table."""
    return "all" if names is None else comma(names)
