"""The Open Inference Protocol v2 (KServe, Triton, MLServer) for mlserve: `mlserve.plugins = oip`."""

from collections.abc import Mapping

from pyramid.config import Configurator

from mlserve.api.resources import Resource
from mlserve.settings import Setting
from mlserve_oip import absent, presentation
from mlserve_oip.inference import InferResource
from mlserve_oip.presentation import Presentations
from mlserve_oip.refusals import write_problem
from mlserve_oip.repository import IndexResource, LoadResource, UnloadResource
from mlserve_oip.server import (
    ConfigurationResource,
    LiveResource,
    ModelReadyResource,
    ModelResource,
    ModelsResource,
    ReadyResource,
    ServerResource,
)
from mlserve_oip.statistics import AllStatisticsResource, StatisticsResource

MLSERVE_API = (1, 1)

# What there is of each model: of the version that answers, and of one that the path names.
OF_MODEL: Mapping[str, tuple[str, type[Resource]]] = {
    "model_ready": ("/ready", ModelReadyResource),
    "config": ("/config", ConfigurationResource),
    "stats": ("/stats", StatisticsResource),
    "model": ("", ModelResource),
}
OF_ALL: Mapping[str, tuple[str, type[Resource]]] = {
    "server": ("/v2", ServerResource),
    "server_slash": ("/v2/", ServerResource),
    "live": ("/v2/health/live", LiveResource),
    "ready": ("/v2/health/ready", ReadyResource),
    "models": ("/v2/models", ModelsResource),
    "all_stats": ("/v2/models/stats", AllStatisticsResource),
    "index": ("/v2/repository/index", IndexResource),
    "load": ("/v2/repository/models/{model}/load", LoadResource),
    "unload": ("/v2/repository/models/{model}/unload", UnloadResource),
}


def includeme(config: Configurator) -> None:
    settings = config.registry.mlserve.settings
    config.add_setting(
        Setting(
            presentation.KEY,
            "list",
            "",
            "The models (* for all) that take one tensor named input, a row of numbers an instance, not one a field.",
            example="flight-delay",
        ),
        check=lambda models: presentation.misnamed(settings[presentation.KEY], models),
    )
    config.registry[presentation.__name__] = Presentations(settings[presentation.KEY])
    config.add_protocol("oip", "/v2", write_problem)
    # In the order in which they are tried: what is asked most comes first, and `/v2/models/stats` is no model.
    _add_of_model(config, {"infer": ("/infer", InferResource)})
    _add(config, OF_ALL)
    _add_of_model(config, OF_MODEL)
    _add(config, absent.RESOURCES)


def _add(config: Configurator, resources: Mapping[str, tuple[str, type[Resource]]]) -> None:
    for name, (path, resource) in resources.items():
        config.add_protocol_resource(f"oip.{name}", path, resource)


def _add_of_model(config: Configurator, resources: Mapping[str, tuple[str, type[Resource]]]) -> None:
    for name, (suffix, resource) in resources.items():
        config.add_protocol_resource(f"oip.{name}", f"/v2/models/{{model}}{suffix}", resource)
        config.add_protocol_resource(
            f"oip.version_{name}", f"/v2/models/{{model}}/versions/{{version}}{suffix}", resource
        )
