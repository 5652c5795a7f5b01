"""A plugin that imports its library, which is here the standard library's `wave`, when it is enabled."""

import wave

from mlserve.settings import Setting
from mlserve_template.family import NAME, TemplateFamily
from mlserve_template.resources import TemplatePredictions

MLSERVE_API = (1, 0)


class EagerFamily(TemplateFamily):
    def libraries(self) -> dict[str, str]:
        return {wave.__name__: "1"}


def includeme(config):
    config.add_setting(Setting("mlserve.template.decimals", "int", 2, "Answers are rounded to this many decimals."))
    config.add_model_family(NAME, EagerFamily)
    config.add_model_resource("predictions", TemplatePredictions)
