"""CatBoost models for mlserve: `mlserve.plugins = catboost`."""

from pyramid.config import Configurator

from mlserve.settings import Setting
from mlserve_catboost.family import NAME, CatboostFamily
from mlserve_catboost.resources import CatboostImportance, CatboostPredictions

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    config.add_setting(
        Setting(f"mlserve.{NAME}.threads", "int", 1, "How many threads CatBoost uses for one prediction.", minimum=1)
    )
    config.add_model_family(NAME, CatboostFamily)
    config.add_model_resource("predictions", CatboostPredictions)
    config.add_model_resource("importance", CatboostImportance)
