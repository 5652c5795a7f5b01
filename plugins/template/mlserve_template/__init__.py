"""Template models for mlserve: `mlserve.plugins = template`."""

from pyramid.config import Configurator

from mlserve.settings import Setting
from mlserve_template.family import NAME, TemplateFamily
from mlserve_template.panel import panel
from mlserve_template.resources import TemplateOffsets, TemplatePredictions

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    config.add_setting(
        Setting(f"mlserve.{NAME}.decimals", "int", 2, "Answers are rounded to so many decimals.", minimum=0, maximum=9)
    )
    config.add_model_family(NAME, TemplateFamily)
    config.add_model_resource("predictions", TemplatePredictions)
    config.add_model_resource("offsets", TemplateOffsets)
    config.add_model_panel("offsets", template="mlserve_template:panel.jinja2", view=panel, family=NAME)
