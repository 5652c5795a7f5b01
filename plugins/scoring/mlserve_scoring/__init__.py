"""MLflow's scoring server and SageMaker's container, over the core's predictions."""

from functools import partial

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting
from mlserve_scoring.choosing import ALIAS, CHAMPION, MODEL, misnamed, model_of
from mlserve_scoring.failures import write_problem
from mlserve_scoring.resources import Invocations, Ping, Version

MLSERVE_API = (1, 1)


def includeme(config: Configurator) -> None:
    settings = config.registry.mlserve.settings
    config.add_setting(
        Setting(MODEL, "str", "", "The model that answers /invocations; empty: the only one.", example="flight-delay"),
        check=partial(misnamed, settings),
    )
    config.add_setting(Setting(ALIAS, "str", CHAMPION, "The alias of that model that answers."))
    if not settings[MODEL] and len(settings.models) > 1:
        raise ConfigurationError(
            f"{MODEL} is not set, and there are several models: write which one of {', '.join(settings.models)} "
            "answers /invocations."
        )
    for path in ("/ping", "/health", "/version", "/invocations", "/models/{model}/invoke"):
        config.add_protocol("scoring", path, write_problem, exact=True)
    config.add_protocol_resource("scoring.ping", "/ping", Ping, model=model_of)
    config.add_protocol_resource("scoring.health", "/health", Ping, model=model_of)
    config.add_protocol_resource("scoring.version", "/version", Version)
    config.add_protocol_resource("scoring.invocations", "/invocations", Invocations, model=model_of)
    config.add_protocol_resource("scoring.invoke", "/models/{model}/invoke", Invocations)
