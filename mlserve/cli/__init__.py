"""The command `mlserve`: one verb a module; a verb that works on a database takes its INI first."""

import warnings
from importlib import import_module
from typing import Any

import click

from mlserve import __version__

# Pyramid and Cornice import pkg_resources; whoever runs a command can do nothing about that. The verbs import them.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

# The first sentence of each verb's help: the list of the verbs imports none of them.
VERBS = {
    "serve": "Serve an INI's models until a signal: SIGTERM ends it in order, SIGHUP reloads code and INI.",
    "package": "Package a model with real rows and its answers to them: a model file, or another tool's model folder.",
    "verify": "Verify a bundle, a folder or an archive.",
    "test": "Test a bundle with real rows before it goes live.",
    "check": "Check an INI without serving.",
    "plugins": "List the installed and the enabled plugins.",
    "new-plugin": "Write a plugin that works: a family of models of your own.",
    "routes": "List each declared model's resources, its own address first, and then those of the protocols.",
    "models": "List the registered models with their versions.",
    "show": "Show MODEL with its aliases and versions, or one version of it, in JSON.",
    "deploy": "Register a bundle as a version, and let an alias name it.",
    "promote": "Let an alias of MODEL name a version.",
    "rollback": "Let an alias of MODEL name the version that it named before.",
    "unalias": "Remove ALIAS of MODEL; its history stays.",
    "history": "List what became of MODEL, newest first.",
    "events": "List what happened, newest first: to models, keys, users and webhooks, and calls that were refused.",
    "retire": "Let a version of MODEL answer no more.",
    "predict": "Answer a file of instances, and keep the predictions.",
    "predictions": "List the kept predictions of MODEL, newest first.",
    "reproduce": "Ask a kept prediction again, of the very bundle that answered it.",
    "shell": "Open a Python shell on the application, to look.",
    "keys": "Make, list and revoke the keys of callers.",
    "users": "Add, list and remove the people who log in to the pages.",
    "webhooks": "List, test, enable and remove the webhooks that are told what happens.",
    "bundles": "Remove the bundles that no version uses.",
    "db": "Upgrade the tables, show their revision, purge predictions.",
}


class Verbs(click.Group):
    """Imports a verb's module when that verb is asked for; no error that it ends with commands the terminal."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = _printable(error.message)  # It is final; each kind of error tells it in its way.
            raise
        except SystemExit as end:
            if isinstance(end.code, str):
                end.code = _printable(end.code)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = cmd_name.replace("-", "_")
        verb: click.Command = getattr(import_module(f"mlserve.cli.{module}"), module)
        return verb

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def _printable(text: str) -> str:
    from mlserve.cli.output import printable  # With its tables, which `--help` does not need.

    return printable(text)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="pyramid-mlserve")
def main() -> None:
    """Package and serve machine-learning models; keep every prediction."""
