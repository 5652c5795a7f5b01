"""The command `mlserve`: one verb a module, each verb works on an INI file."""

# ruff: noqa: E402 - The filter must stand before the first import of Pyramid.

import warnings

# Pyramid and Cornice import pkg_resources; whoever runs a command can do nothing about that.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

import click

from mlserve import __version__
from mlserve.cli.check import check
from mlserve.cli.db import db
from mlserve.cli.models import models
from mlserve.cli.plugins import plugins
from mlserve.cli.predict import predict
from mlserve.cli.predictions import predictions
from mlserve.cli.routes import routes


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="pyramid-mlserve")
def main() -> None:
    """Package and serve machine-learning models; keep every prediction."""


for verb in (check, plugins, routes, models, predict, predictions, db):
    main.add_command(verb)
