"""The LightGBM family for mlserve: `mlserve.plugins = lightgbm`."""

from functools import partial

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.trees import TEMPLATE, engine_settings, require_engine
from mlserve_lightgbm import library
from mlserve_lightgbm.family import NAME, LightGBMFamily
from mlserve_lightgbm.panel import lightgbm_panel
from mlserve_lightgbm.resources import LightGBMImportance, LightGBMPredictions, LightGBMTree, LightGBMTreeDrawing

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    if not library.is_installed():
        raise ConfigurationError(library.INSTALL)
    for setting in engine_settings(NAME, "LightGBM"):
        config.add_setting(setting)
    settings = config.registry.mlserve.settings
    require_engine(NAME, settings["mlserve.lightgbm.engine"])
    config.add_model_family(NAME, partial(LightGBMFamily, settings["mlserve.var"] / "engines"))
    config.add_model_resource("predictions", LightGBMPredictions)
    config.add_model_resource("importance", LightGBMImportance)
    config.add_model_resource("trees/{number}", LightGBMTree)
    config.add_model_resource("trees/{number}/drawing", LightGBMTreeDrawing)
    config.add_model_panel("importance", template=TEMPLATE, view=lightgbm_panel, family=NAME)
