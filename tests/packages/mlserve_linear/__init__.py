"""A whole plugin without an ML library: a family with settings, resources, a table of its own and a health check."""

from typing import Any

from pyramid.config import Configurator

from mlserve.settings import Setting
from mlserve_linear.contributions import LinearContributions
from mlserve_linear.family import LinearFamily
from mlserve_linear.resources import LinearPredictions, LinearReview

MLSERVE_API = (1, 0)


def includeme(config: Configurator) -> None:
    config.add_setting(
        Setting("mlserve.linear.decimals", "int", 3, "Answers are rounded to this many decimals.", minimum=0, maximum=9)
    )
    config.add_model_family("linear", LinearFamily)
    config.add_model_resource("predictions", LinearPredictions)
    config.add_model_resource("review", LinearReview)
    config.add_migrations("mlserve_linear:migrations")
    config.add_prediction_table("linear", LinearContributions())
    config.add_health_check("linear", check)


def check() -> dict[str, Any]:
    return {"arithmetic": "sound"}
