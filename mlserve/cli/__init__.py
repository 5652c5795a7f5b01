"""The command `mlserve`: one verb a module, each verb works on an INI file."""

import warnings
from importlib import import_module

import click

from mlserve import __version__

# Pyramid and Cornice import pkg_resources; whoever runs a command can do nothing about that. The verbs import them.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

# The first sentence of each verb's help: the list of the verbs imports none of them.
VERBS = {
    "check": "Check an INI without serving.",
    "plugins": "List the installed and the enabled plugins.",
    "routes": "List each declared model's resources, its own address first.",
    "models": "List the registered models with their versions.",
    "predict": "Answer a file of instances, and keep the predictions.",
    "predictions": "List the kept predictions of MODEL, newest first.",
    "shell": "Open a Python shell on the application, to look.",
    "db": "Upgrade the tables, show their revision, purge predictions.",
}


class Verbs(click.Group):
    """Imports a verb's module when that verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        verb: click.Command = getattr(import_module(f"mlserve.cli.{cmd_name}"), cmd_name)
        return verb

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="pyramid-mlserve")
def main() -> None:
    """Package and serve machine-learning models; keep every prediction."""
