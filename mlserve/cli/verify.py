"""`mlserve verify`: is this bundle what it says, and does it answer here as it did where it was packed?"""

from pathlib import Path

import click

from mlserve.cli.ini import surroundings
from mlserve.errors import MlserveError
from mlserve.packaging import verify as check

_MOST_TOLD = 10


@click.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--plugin", "plugins", multiple=True, help="As in mlserve.plugins. Default: all installed ones.")
@click.option("--ini", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Whose plugins and settings.")
@click.option("--trust", is_flag=True, help="Load a format that runs code of the model file.")
def verify(bundle: Path, plugins: tuple[str, ...], ini: Path | None, trust: bool) -> None:
    """Verify a bundle, a folder or an archive.

    Its digests are computed again, the model is loaded in a fresh process, and the golden predictions are asked again.
    What is wrong is said in sentences, with exit status 1. Families have their default settings unless there is --ini.
    """
    try:
        verdict = check(bundle, plugins=plugins, trust=trust, application=surroundings(ini, plugins))
    except MlserveError as error:
        raise click.ClickException(str(error)) from None
    manifest = verdict.manifest
    if verdict.faults:
        for fault in verdict.faults[:_MOST_TOLD]:
            click.echo(fault, err=True)
        more = f", of which {_MOST_TOLD} are told" if len(verdict.faults) > _MOST_TOLD else ""
        raise click.ClickException(f"{bundle} is not well: {len(verdict.faults)} faults{more}.")
    name = manifest.name or "a model without a name"
    rows = verdict.told if verdict.rows else "no golden predictions"
    click.echo(f"{bundle} is well: {name}, {manifest.family}, digest {manifest.digest}; {rows}.")
