"""The ONNX family for mlserve: `mlserve.plugins = onnx`."""

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting
from mlserve_onnx import session
from mlserve_onnx.family import NAME, THREADS, OnnxFamily
from mlserve_onnx.panel import graph_panel
from mlserve_onnx.resources import OnnxGraph, OnnxPredictions

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    if not session.is_installed():
        raise ConfigurationError(f"The plugin onnx needs ONNX Runtime. {session.INSTALL}")
    config.add_setting(
        Setting(THREADS, "int", 1, "How many threads ONNX Runtime uses for one run of a model.", minimum=1)
    )
    config.add_model_family(NAME, OnnxFamily)
    config.add_model_resource("predictions", OnnxPredictions)
    config.add_model_resource("graph", OnnxGraph)
    config.add_model_panel("graph", template="mlserve_onnx:templates/graph.jinja2", view=graph_panel, family=NAME)
