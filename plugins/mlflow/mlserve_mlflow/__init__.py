"""MLflow model folders for mlserve: `mlserve package FOLDER` with `mlserve.plugins = mlflow` and a family's plugin."""

from pyramid.config import Configurator

from mlserve_mlflow.folder import MLflowFolders

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    config.add_importer("mlflow", MLflowFolders())
