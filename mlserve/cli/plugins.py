"""`mlserve plugins`: what is installed, and what this INI enables."""

from importlib.metadata import EntryPoint
from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.plugins import installed


@click.command()
@ini_argument
def plugins(ini: Path) -> None:
    """List the installed and the enabled plugins.

    With their distributions, versions and families.
    """
    with built(ini) as application:
        rows = [
            (
                plugin.name,
                plugin.distribution,
                plugin.version,
                "yes",
                ", ".join(application.families.of_plugin(plugin.label)),
            )
            for plugin in application.plugins.values()
        ]
        others = sorted(installed().keys() - application.plugins.keys())
    rows += [(name, *_distribution(installed()[name]), "no", "") for name in others]
    print_table(("plugin", "distribution", "version", "enabled", "families"), rows)


def _distribution(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else (point.value, "")
