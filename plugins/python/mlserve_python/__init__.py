"""Predictors that are Python classes of one's own, for mlserve: `mlserve.plugins = python`."""

from functools import partial

from pyramid.config import Configurator

from mlserve.settings import Setting
from mlserve_python.allowed import Allowed
from mlserve_python.family import NAME, PythonFamily
from mlserve_python.interface import Predictor, Refused
from mlserve_python.panel import panel
from mlserve_python.resources import PredictorResource, PythonPredictions

__all__ = ["MLSERVE_API", "Predictor", "Refused", "includeme"]

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    config.add_setting(
        Setting(
            "mlserve.python.allow",
            "list",
            "",
            "The classes that models may name: package.module:Class, package.module:* or package.*; none unless named.",
            example="mypkg.module:Predictor otherpkg.*",
            changes_answers=False,
        )
    )
    config.add_setting(
        Setting(
            "mlserve.python.unpacked",
            "size",
            "4GiB",
            "The most bytes that the files of one model may have once they are unpacked.",
            minimum=1,
            changes_answers=False,
        )
    )
    application = config.registry.mlserve
    settings = application.settings
    allowed = Allowed(settings["mlserve.python.allow"])
    config.add_model_family(
        NAME, partial(PythonFamily, allowed, application.var / "python", settings["mlserve.python.unpacked"])
    )
    config.add_model_resource("predictions", PythonPredictions)
    config.add_model_resource("predictor", PredictorResource)
    config.add_model_panel("predictor", template="mlserve_python:templates/predictor.jinja2", view=panel, family=NAME)
