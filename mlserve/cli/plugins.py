"""`mlserve plugins`: what is installed, and what this INI enables."""

from pathlib import Path

import click

from mlserve.application import Application
from mlserve.cli.ini import built, optional_ini_argument
from mlserve.cli.output import print_table
from mlserve.plugins import contract_of, installed, source_of


@click.command()
@optional_ini_argument
def plugins(ini: Path | None) -> None:
    """List the installed and the enabled plugins.

    With their distributions, versions, the contract that each was built for, and families; and why one has failed.
    Without INI those that are installed.
    """
    if ini is None:
        found = [
            (name, *source_of(point.value), contract_of(point.value)) for name, point in sorted(installed().items())
        ]
        print_table(("plugin", "distribution", "version", "contract"), found)
        return
    with built(ini) as application:
        names = [*application.settings["mlserve.plugins"], *sorted(installed())]
        rows = [_row(application, name) for name in dict.fromkeys(names)]
        faults = [f"{fault.plugin}: its {fault.reason}" for fault in application.faults]
    print_table(("plugin", "distribution", "version", "contract", "enabled", "families"), rows)
    for fault in faults:
        click.echo(fault)


def _row(application: Application, name: str) -> tuple[str, ...]:
    plugin, point = application.plugins.get(name), installed().get(name)
    source = (plugin.distribution, plugin.version) if plugin else source_of(point.value if point else name)
    contract = contract_of(plugin.module.__name__ if plugin else point.value if point else name)
    enabled = "yes" if plugin else "failed" if name in application.faults else "no"
    families = application.families.of_plugin(plugin.label) if plugin else []
    return (name, *source, contract, enabled, ", ".join(families))
