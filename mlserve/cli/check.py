"""`mlserve check`: would this INI start?"""

from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument


@click.command()
@ini_argument
def check(ini: Path) -> None:
    """Check an INI without serving: settings, plugins, and that each declared model has a file and a family."""
    with built(ini) as application:
        for name, path in application.settings.models.items():
            application.family_for(path.suffix, f"mlserve.models.{name}")
    models = ", ".join(application.settings.models) or "none"
    click.echo(f"{ini} is well: plugins {', '.join(application.plugins) or 'none'}; models {models}.")
