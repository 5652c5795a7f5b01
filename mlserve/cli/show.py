"""`mlserve show`: one model with its aliases, or one version with what its bundle says."""

from pathlib import Path
from typing import Any

import click
import msgspec

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.registry import model_argument
from mlserve.db.wiring import opened_by_operator
from mlserve.errors import ModelUnknown
from mlserve.registry import aliases, service
from mlserve.registry.described import describe_alias, describe_version


@click.command()
@ini_argument
@model_argument
@click.argument("version", type=click.IntRange(1, 2**31 - 1), required=False)
def show(ini: Path, model: str, version: int | None) -> None:
    """Show MODEL with its aliases and versions, or one version of it, in JSON."""
    told: Any
    with built(ini) as application, opened_by_operator(application) as database, database.read() as connection:
        named = aliases.of_model(connection, model)
        if version is not None:
            row = service.version(connection, model, version)
            told = _without(describe_version(row, named, None, whole=True), "state", "reason")
        else:
            rows = service.versions(connection, model)
            if not rows:
                raise ModelUnknown(f"There is no model {model!r} in the registry.")
            befores = {one.alias: aliases.version_before(connection, model, one.alias) for one in named}
            told = {
                "model": model,
                "aliases": [_without(describe_alias(one, None, befores[one.alias]), "answers") for one in named],
                "versions": [_without(describe_version(row, named, None), "state", "reason") for row in rows],
            }
    click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())


def _without(told: dict[str, Any], *names: str) -> dict[str, Any]:
    """What only a server could tell is left out."""
    return {name: value for name, value in told.items() if name not in names}
