"""The TensorFlow Lite family for mlserve: `mlserve.plugins = tflite`."""

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve_tflite import interpreters
from mlserve_tflite.family import NAME, TfliteFamily
from mlserve_tflite.panel import tensors_panel
from mlserve_tflite.resources import TflitePredictions, TfliteTensors

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    if not interpreters.is_installed():
        raise ConfigurationError(interpreters.INSTALL)
    config.add_model_family(NAME, TfliteFamily)
    config.add_model_resource("predictions", TflitePredictions)
    config.add_model_resource("tensors", TfliteTensors)
    config.add_model_panel(
        "tensors", template="mlserve_tflite:templates/tensors.jinja2", view=tensors_panel, family=NAME
    )
