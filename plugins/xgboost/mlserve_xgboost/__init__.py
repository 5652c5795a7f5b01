"""The XGBoost family for mlserve: `mlserve.plugins = xgboost`."""

from functools import partial

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.trees import TEMPLATE, engine_settings, require_engine
from mlserve_xgboost import library
from mlserve_xgboost.contributions import XGBoostContributions
from mlserve_xgboost.family import NAME, XGBoostFamily
from mlserve_xgboost.panel import xgboost_panel
from mlserve_xgboost.resources import XGBoostImportance, XGBoostPredictions, XGBoostTree, XGBoostTreeDrawing

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    if not library.is_installed():
        raise ConfigurationError(library.INSTALL)
    for setting in engine_settings(NAME, "XGBoost"):
        config.add_setting(setting)
    settings = config.registry.mlserve.settings
    require_engine(NAME, settings["mlserve.xgboost.engine"])
    config.add_model_family(NAME, partial(XGBoostFamily, settings["mlserve.var"] / "engines"))
    config.add_model_resource("predictions", XGBoostPredictions)
    config.add_model_resource("importance", XGBoostImportance)
    config.add_model_resource("trees/{number}", XGBoostTree)
    config.add_model_resource("trees/{number}/drawing", XGBoostTreeDrawing)
    config.add_migrations("mlserve_xgboost:migrations")
    config.add_prediction_table(NAME, XGBoostContributions())
    config.add_model_panel("importance", template=TEMPLATE, view=xgboost_panel, family=NAME)
