"""Models of means for mlserve: `mlserve.plugins = template`."""

from pyramid.config import Configurator

from mlserve.settings import Setting
from mlserve_template.family import NAME, MeansFamily
from mlserve_template.panel import panel
from mlserve_template.resources import MeansOffsets, MeansPredictions

MLSERVE_API = (1, 0)


def includeme(config: Configurator) -> None:
    config.add_setting(
        Setting("mlserve.means.decimals", "int", 2, "Answers are rounded to this many decimals.", minimum=0, maximum=9)
    )
    config.add_model_family(NAME, MeansFamily)
    config.add_model_resource("predictions", MeansPredictions)
    config.add_model_resource("offsets", MeansOffsets)
    config.add_model_panel("offsets", template="mlserve_template:panel.jinja2", view=panel, family=NAME)
