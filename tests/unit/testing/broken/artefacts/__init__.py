"""Plugins that are wrong about their artefacts: modules, since a fresh process imports them."""

from collections.abc import Callable
from typing import Any

from mlserve.settings import Setting
from mlserve_template.family import NAME
from mlserve_template.resources import TemplatePredictions

MLSERVE_API = (1, 0)


def enabling(family: type) -> Callable[[Any], None]:
    """An `includeme` that brings this family in the template's place."""

    def includeme(config: Any) -> None:
        config.add_setting(Setting("mlserve.template.decimals", "int", 2, "Decimals of an answer."))
        config.add_model_family(NAME, family)
        config.add_model_resource("predictions", TemplatePredictions)

    return includeme
