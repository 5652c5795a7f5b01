"""The XGBoost family for mlserve: `mlserve.plugins = xgboost`."""

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting
from mlserve_xgboost import library
from mlserve_xgboost.family import NAME, THREADS, XGBoostFamily
from mlserve_xgboost.resources import XGBoostImportance, XGBoostPredictions

MLSERVE_API = (1, 0)


def includeme(config: Configurator) -> None:
    if not library.is_installed():
        raise ConfigurationError(library.INSTALL)
    config.add_setting(
        Setting(
            THREADS,
            "int",
            1,
            "How many threads XGBoost uses for one prediction; more than one helps with hundreds of rows only.",
            minimum=1,
        )
    )
    config.add_model_family(NAME, XGBoostFamily)
    config.add_model_resource("predictions", XGBoostPredictions)
    config.add_model_resource("importance", XGBoostImportance)
