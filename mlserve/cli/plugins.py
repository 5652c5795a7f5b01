"""`mlserve plugins`: what is installed, and what this INI enables."""

from importlib.metadata import EntryPoint
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from mlserve.cli.ini import built, ini_argument
from mlserve.plugins import installed


@click.command()
@ini_argument
def plugins(ini: Path) -> None:
    """List the installed and the enabled plugins with their versions and families."""
    table = Table("plugin", "distribution", "version", "enabled", "families", box=None)
    with built(ini) as application:
        families = application.families_by_plugin()
        for plugin in application.plugins.values():
            table.add_row(plugin.name, plugin.distribution, plugin.version, "yes", ", ".join(families[plugin.label]))
        for name, point in sorted(installed().items()):
            if name not in application.plugins:
                table.add_row(name, *_distribution(point), "no", "")
    Console().print(table)


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else (point.value, "")
