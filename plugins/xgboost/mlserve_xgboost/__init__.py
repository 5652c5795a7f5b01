"""The XGBoost family for mlserve: `mlserve.plugins = xgboost`."""

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting
from mlserve_xgboost import library
from mlserve_xgboost.contributions import XGBoostContributions
from mlserve_xgboost.family import NAME, THREADS, XGBoostFamily
from mlserve_xgboost.panel import importance_panel
from mlserve_xgboost.resources import XGBoostImportance, XGBoostPredictions, XGBoostTree, XGBoostTreeDrawing

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
            changes_answers=False,
        )
    )
    config.add_model_family(NAME, XGBoostFamily)
    config.add_model_resource("predictions", XGBoostPredictions)
    config.add_model_resource("importance", XGBoostImportance)
    config.add_model_resource("trees/{number}", XGBoostTree)
    config.add_model_resource("trees/{number}/drawing", XGBoostTreeDrawing)
    config.add_migrations("mlserve_xgboost:migrations")
    config.add_prediction_table(NAME, XGBoostContributions())
    config.add_model_panel(
        "importance", template="mlserve_xgboost:templates/importance.jinja2", view=importance_panel, family=NAME
    )
